/** Finds the kubeconfig as kubectl does: the given file, the files in KUBECONFIG, or the one in the home directory. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';

/** The options of the command line about the kubeconfig. */
interface KubeconfigChoice {
  readonly file?: string | undefined;
  readonly context?: string | undefined;
}

/** Reads the kubeconfig. Throws an Error with a message for people if there is none, or if it lacks the requested context. */
export function readKubeconfig({ file, context }: KubeconfigChoice): KubeConfig {
  const named = file ?? process.env.KUBECONFIG;
  const files = named ? named.split(delimiter).filter((one) => one !== '') : [join(homedir(), '.kube', 'config')];
  const present = files.filter((one) => existsSync(one));
  const config = new KubeConfig();
  if (present.length > 0) config.loadFromOptions(merged(present.map(readOne)));
  else if (!named && process.env.KUBERNETES_SERVICE_HOST !== undefined) config.loadFromCluster();
  else throw new Error(`there is no kubeconfig at ${files.join(', ')}`);
  const names = config.getContexts().map(({ name }) => name);
  if (context !== undefined) {
    if (!names.includes(context)) {
      throw new Error(`the kubeconfig has no context "${context}": it has ${names.join(', ') || 'none'}`);
    }
    config.setCurrentContext(context);
  }
  if (config.getCurrentCluster() === null) {
    throw new Error(`the kubeconfig has no current context: choose one of ${names.join(', ') || 'none'}`);
  }
  return config;
}

/** Merges kubeconfigs. The first file that defines a name wins, as in kubectl. */
function merged(all: readonly KubeConfig[]): Pick<KubeConfig, 'clusters' | 'users' | 'contexts' | 'currentContext'> {
  const firsts = <T extends { readonly name: string }>(items: readonly T[]): T[] => [
    ...new Map([...items].reverse().map((item) => [item.name, item])).values(),
  ];
  return {
    clusters: firsts(all.flatMap(({ clusters }) => clusters)),
    users: firsts(all.flatMap(({ users }) => users)),
    contexts: firsts(all.flatMap(({ contexts }) => contexts)),
    currentContext: all.map(({ currentContext }) => currentContext).find(Boolean) ?? '',
  };
}

function readOne(file: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
  } catch (error) {
    const [first] = (error as Error).message.split('\n');
    throw new Error(`kubeconfig ${file} cannot be read: ${first}`, { cause: error });
  }
  return config;
}
