/** What a row works with: the cluster, the column, and objects of its own, which are removed at its end. */
import assert from 'node:assert/strict';
import type { Lab } from '../../lab/cluster.ts';
import { holderOf } from '../holder.ts';
import { spreadOf } from '../nftables.ts';
import { conditionIn, type Pod, type ServiceObject } from '../objects.ts';
import * as client from './client.ts';
import { annotationsOf, type Column, ipModeOf } from './column.ts';
import { type Manifest, shared } from './manifests.ts';
import { eventually } from './patience.ts';

/** The label of all objects that these tests create. Its value names the row. */
export const label = 'promise';

/** A Service that has its addresses. */
export interface Exposed {
  readonly name: string;
  /** Its first address. */
  readonly vip: string;
  readonly vips: readonly string[];
}

type Spec = Readonly<Record<string, unknown>>;

/** Port 80 of the shared Deployment `web`. */
const webSpec: Spec = { selector: { app: shared.web }, ports: [{ port: 80, targetPort: 8080 }] };

/** The tools of a row. */
export class World {
  readonly lab: Lab;
  readonly column: Column;
  /** The prefix of the names of its objects. */
  readonly name: string;

  constructor(lab: Lab, column: Column, row: string) {
    this.lab = lab;
    this.column = column;
    // The name differs by column, because the Pods of the same row in another column may still be ending.
    const { handOff, distribution } = column;
    this.name = `${row} ${handOff} ${distribution}`.toLowerCase().replaceAll(' ', '-');
  }

  /** Creates objects, which are removed at the end of the row. */
  async make(...objects: readonly Manifest[]): Promise<void> {
    const labels = { [label]: this.name };
    const items = objects.map((object) => {
      const { metadata } = object;
      return { ...object, metadata: { ...metadata, labels: { ...metadata.labels, ...labels } } };
    });
    await this.lab.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  }

  /** Creates a Service, and returns its name. It is a LoadBalancer in front of `web` unless the spec says otherwise. */
  async service(spec: Spec = {}, suffix = ''): Promise<string> {
    const name = suffix === '' ? this.name : `${this.name}-${suffix}`;
    await this.make({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, annotations: annotationsOf(this.column) },
      spec: { type: 'LoadBalancer', ...webSpec, ...spec },
    });
    return name;
  }

  /** Creates a LoadBalancer, and waits until it has its addresses and the column's distribution is in effect. */
  async expose(spec: Spec = {}, suffix = ''): Promise<Exposed> {
    const exposed = await this.addressed(await this.service(spec, suffix));
    if (this.column.distribution === 'Spread') for (const vip of exposed.vips) await this.spread(vip);
    return exposed;
  }

  /** Waits until the ledger says that the nodes share the connections of an address. */
  async spread(vip: string): Promise<void> {
    await eventually(`${vip} is spread`, async () => {
      const found = await spreadOf(this.lab, vip);
      if (found?.status !== 'True') throw new Error(`it is ${JSON.stringify(found)}`);
      return true;
    });
  }

  /** Waits until a Service has its addresses. */
  async addressed(name: string): Promise<Exposed> {
    const { spec, ingress } = await eventually(`an address of Service ${name}`, async () => {
      const { spec, status } = await this.read(name);
      return status.loadBalancer?.ingress && { spec, ingress: status.loadBalancer.ingress };
    });
    // Without a node port, kube-proxy gets the traffic.
    const handOff = spec.ports.every(({ nodePort }) => nodePort) ? this.column.handOff : 'KubeProxy';
    for (const { ipMode } of ingress) assert.equal(ipMode, ipModeOf({ handOff }));
    const vips = ingress.map(({ ip }) => ip);
    return { name, vips, vip: vips[0] ?? assert.fail('an empty ingress') };
  }

  /** A Service as it is now. */
  read(name: string): Promise<ServiceObject> {
    return this.lab.api.get<ServiceObject>('services', name);
  }

  /** Changes a Service's spec. */
  async patch(name: string, spec: Spec): Promise<void> {
    await this.lab.api.patch('services', name, { spec });
  }

  /** Sets or removes an annotation of a Service. */
  async annotate(name: string, annotation: string, value: string | null): Promise<void> {
    await this.lab.api.patch('services', name, { metadata: { annotations: { [annotation]: value } } });
  }

  /** Waits until a condition of a Service is `Status Reason`. */
  async says(name: string, type: string, expected: string): Promise<void> {
    await eventually(`condition ${type} of Service ${name} is ${expected}`, async () => {
      const found = conditionIn(await this.read(name), type);
      if (`${found?.status} ${found?.reason}` !== expected) throw new Error(`it is ${JSON.stringify(found)}`);
      return true;
    });
  }

  /** Requests a path from the client until there is an answer, and returns it. */
  get(target: client.Target, path?: string): Promise<string> {
    return eventually(`an answer from ${target.address}`, () => client.get(this.lab.client, target, path));
  }

  /** Waits until one of these Pods answers the client over UDP. */
  async answeredOverUdp(target: client.Target, expected: Iterable<string>): Promise<void> {
    const wanted = [...expected];
    await eventually(`an answer from ${target.address} over UDP`, async () => {
      assert.ok(wanted.includes(await client.askUdp(this.lab, target)));
      return true;
    });
  }

  /** Waits until all endpoints that answer for an address see the client's own address. */
  async seesClient(vip: string): Promise<void> {
    await eventually("the client's own address", async () => {
      const seen = await client.answers(this.lab.client, { address: vip }, { path: '/clientip' });
      assert.deepEqual(new Set([...seen].map(client.withoutPort)), new Set([this.lab.client.ip]));
      return true;
    });
  }

  /** Waits until the client's attempts to connect have this outcome. */
  async ends(target: client.Target, outcome: client.Outcome): Promise<void> {
    await eventually(`${target.address}, port ${target.port ?? 80}: ${outcome}`, async () => {
      const found = await client.outcome(this.lab.client, target, outcome);
      if (found !== outcome) throw new Error(`it is ${found}`);
      return true;
    });
  }

  /** Waits until new connections of the client get exactly these answers. */
  async answeredBy(target: client.Target, expected: Iterable<string>): Promise<void> {
    const wanted = [...expected].sort();
    await eventually(`answers from ${wanted.join(', ')}`, async () => {
      const found = [...(await client.answers(this.lab.client, target))].sort();
      assert.deepEqual(found, wanted);
      return true;
    });
  }

  /** The Pods of a Deployment, each with its node. */
  async pods(app: string): Promise<ReadonlyMap<string, string>> {
    const pods = await this.lab.api.list<Pod>('pods', { labelSelector: `app=${app}` });
    return new Map(pods.map(({ metadata, spec }) => [metadata.name, spec.nodeName ?? '']));
  }

  /** Waits until all Pods of a Deployment are ready. */
  async ready(name: string): Promise<void> {
    await this.lab.rolledOut(`deployment/${name}`, { timeoutMs: 60_000 });
  }

  /** The node that answers for an address. */
  async holderOf(vip: string): Promise<string> {
    return (await holderOf(this.lab, vip)).name;
  }

  /** Removes all objects of the row. */
  async end(): Promise<void> {
    await removeAll(this.lab, `${label}=${this.name}`);
  }
}

/** Removes all objects with the label, without waiting for Pods to end. */
export async function removeAll(lab: Lab, selector: string = label): Promise<void> {
  for (const kind of ['services', 'endpointslices', 'deployments', 'pods'] as const) {
    await lab.api.deleteAll(kind, { labelSelector: selector, wait: false });
  }
}
