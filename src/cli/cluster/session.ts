/** One run of the tool: the connection to the cluster, the terminal, and the options. */
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

/** Where output goes. */
export interface Terminal {
  readonly out: (text: string) => void;
  /** Prints progress, notes and errors. These are never part of the answer. */
  readonly note: (text: string) => void;
  /** Asks a yes-or-no question. Returns false if there is no terminal to ask on. */
  readonly confirm: (question: string) => Promise<boolean>;
  readonly colors: Colors;
}

/** The connection to the cluster. */
export interface Reach {
  readonly config: KubeConfig;
  readonly client: KubeClient;
  /** The namespace of the kubeconfig's context, or `default`. */
  readonly namespace: string;
  readonly server: string;
}

/** One run of the tool. */
export class Session {
  readonly options: GlobalOptions;
  readonly terminal: Terminal;
  /** Aborts when the user presses Ctrl-C. */
  readonly signal: AbortSignal;
  #reach: Promise<Reach> | undefined;

  constructor(options: GlobalOptions, terminal: Terminal, signal: AbortSignal) {
    this.options = options;
    this.terminal = terminal;
    this.signal = signal;
  }

  /**
   * Returns the connection, which is opened at the first call. Throws a Failure if the kubeconfig leads to no
   * cluster.
   */
  reach(): Promise<Reach> {
    this.#reach ??= openReach(this.options);
    return this.#reach;
  }

  /** The namespace of a name that is given without one. */
  async namespace(): Promise<string> {
    return this.options.namespace ?? (await this.reach()).namespace;
  }

  /** Closes the connection, so that the process can end. */
  async close(): Promise<void> {
    const reach = await this.#reach?.catch(() => undefined);
    reach?.client.close();
  }
}

async function openReach({ kubeconfig: file, context }: GlobalOptions): Promise<Reach> {
  try {
    const config = readKubeconfig({ file, context });
    const connection = await connectBy(config).catch((error: Error) => {
      throw new Error(`login with context ${config.getCurrentContext()} failed: ${error.message}`, { cause: error });
    });
    const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
    return { config, client: new KubeClient(connection), namespace, server: connection.server.origin };
  } catch (error) {
    const hint = 'give --kubeconfig FILE, set KUBECONFIG, or choose another --context';
    throw new Failure(exits.unreachable, (error as Error).message, hint);
  }
}
