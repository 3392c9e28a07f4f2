/** A real MetalLB in the lab, installed by its own manifest. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import type { Lab } from '../lab/cluster.ts';
import { metalLbFolder, metalLbImages } from '../lab/metallb.ts';

/** MetalLB's namespace. */
export const metalLbNamespace = 'metallb-system';

interface Workload {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly template: { readonly spec: { readonly containers: Container[] } } };
}

interface Container {
  image: string;
  imagePullPolicy?: string;
  args: string[];
  readinessProbe?: unknown;
  livenessProbe?: unknown;
}

/** Installs MetalLB without its webhooks, because the lab's API server cannot reach Pods through a Service. Waits until it is ready. */
export async function installMetalLb(lab: Lab): Promise<void> {
  for (const archive of await metalLbImages((line) => console.error(line))) await lab.loadImage(archive);
  const text = await readFile(join(await metalLbFolder(), 'config/manifests/metallb-native.yaml'), 'utf8');
  const objects = documentsIn<Workload>(text).filter(({ kind }) => kind !== 'ValidatingWebhookConfiguration');
  for (const { kind, metadata, spec } of objects) {
    if (kind !== 'Deployment' && kind !== 'DaemonSet') continue;
    for (const container of spec.template.spec.containers) {
      container.image = `localhost/metallb-${metadata.name}:lab`;
      container.imagePullPolicy = 'Never';
      if (kind === 'Deployment') container.args.push('--webhook-mode=disabled');
      // The probes wait for ten seconds before their first request.
      delete container.readinessProbe;
      delete container.livenessProbe;
    }
  }
  await lab.kubectl(['apply', '--server-side', '--filename', '-'], {
    input: objects.map((one) => stringify(one)).join('---\n'),
  });
  for (const workload of ['deployment/controller', 'daemonset/speaker'] as const) {
    await lab.rolledOut(workload, { namespace: metalLbNamespace });
  }
}

/** Removes MetalLB with its configuration. */
export async function removeMetalLb(lab: Lab): Promise<void> {
  const text = await readFile(join(await metalLbFolder(), 'config/manifests/metallb-native.yaml'), 'utf8');
  await lab.kubectl(['delete', '--ignore-not-found', '--filename', '-'], { input: text });
}

/** The text of one of MetalLB's sample files. */
export async function sample(name: string): Promise<string> {
  return readFile(join(await metalLbFolder(), 'configsamples', name), 'utf8');
}

/** The folder of the sample files. */
export async function samplesFolder(): Promise<string> {
  return join(await metalLbFolder(), 'configsamples');
}

/** The objects in a YAML text. */
export function documentsIn<T>(text: string): T[] {
  const documents = parseAllDocuments(text);
  return Array.isArray(documents) ? documents.map((one) => one.toJS() as T).filter((one) => one !== null) : [];
}
