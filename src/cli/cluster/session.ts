/** One run of the tool: how the cluster is reached, where the output goes, what was asked for. */
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { KubeClient } from '../../kube/client.ts';
import { connectBy } from '../../kube/connection.ts';
import { readKubeconfig } from '../../kube/kubeconfig.ts';
import type { Format } from '../output/answer.ts';
import type { Colors } from '../output/colors.ts';
import { exits, Failure } from '../output/failure.ts';

/** Options of all commands. */
export interface GlobalOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly berthNamespace?: string;
  readonly output: Format;
}

/** Where words go. */
export interface Terminal {
  readonly out: (text: string) => void;
  /** Progress, notes and errors: never part of the answer. */
  readonly note: (text: string) => void;
  /** A question that a person answers with yes or no; false where nobody can be asked. */
  readonly confirm: (question: string) => Promise<boolean>;
  readonly colors: Colors;
}

/** How the cluster is reached. */
export interface Reach {
  readonly config: KubeConfig;
  readonly client: KubeClient;
  /** The namespace that the kubeconfig's context names, or `default`. */
  readonly namespace: string;
  readonly server: string;
}

/** One run. */
export class Session {
  readonly options: GlobalOptions;
  readonly terminal: Terminal;
  /** Aborts when the person presses Ctrl-C. */
  readonly signal: AbortSignal;
  #reach: Promise<Reach> | undefined;

  constructor(options: GlobalOptions, terminal: Terminal, signal: AbortSignal) {
    this.options = options;
    this.terminal = terminal;
    this.signal = signal;
  }

  /** The connection, made when it is first asked for. Throws a Failure where there is no way to the cluster. */
  reach(): Promise<Reach> {
    this.#reach ??= openReach(this.options);
    return this.#reach;
  }

  /** The namespace that a name without one is looked for in. */
  async namespace(): Promise<string> {
    return this.options.namespace ?? (await this.reach()).namespace;
  }

  /** Lets the process end. */
  async close(): Promise<void> {
    const reach = await this.#reach?.catch(() => undefined);
    reach?.client.close();
  }
}

async function openReach({ kubeconfig: file, context }: GlobalOptions): Promise<Reach> {
  try {
    const config = readKubeconfig({ file, context });
    const connection = await connectBy(config).catch((error: Error) => {
      throw new Error(`the log-in of context ${config.getCurrentContext()} failed: ${error.message}`, { cause: error });
    });
    const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
    return { config, client: new KubeClient(connection), namespace, server: connection.server.origin };
  } catch (error) {
    const hint = 'give --kubeconfig FILE, set KUBECONFIG, or choose another --context';
    throw new Failure(exits.unreachable, (error as Error).message, hint);
  }
}
