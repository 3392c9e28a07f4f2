/** A second network between the nodes of a lab, as where machines have a link of their own for management. */
import { eventually, type Lab, type LabHost } from '../lab/cluster.ts';
import { namespacePrefix } from '../lab/plan.ts';
import { mustRun } from '../lab/run.ts';

const link = 'mgmt';
const bridge = 'br1';
const firstTable = 'bridge berth_fault';

/** The second network; and what may happen to either. */
export class SecondNetwork {
  readonly #lab: Lab;
  readonly #switch: string;

  private constructor(lab: Lab) {
    this.#lab = lab;
    this.#switch = `${namespacePrefix(lab.id)}bridge`;
  }

  /** Gives every node a link in it; {@link remove} takes them away. */
  static async create(lab: Lab): Promise<SecondNetwork> {
    const network = new SecondNetwork(lab);
    await network.#ip(`link add ${bridge} type bridge mcast_snooping 0`, `link set ${bridge} up`);
    for (const [i, { name, namespace }] of lab.nodes.entries()) {
      const port = portOf(name);
      await network.#ip(
        `link add ${port} type veth peer name ${link} netns ${namespace}`,
        `link set ${port} master ${bridge} up`,
      );
      const lines = [`link set ${link} up`, `address add ${addressOf(i)}/24 dev ${link}`];
      await mustRun(['ip', '-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
    }
    return network;
  }

  /** All of the second network fails, but no link of a node loses its carrier. */
  async cutSecond(): Promise<void> {
    await this.#ip(`link set ${bridge} down`);
  }

  /** The second network works again. Resolves when every node reaches every other node on it: a kernel that asked in vain for a hardware address asks again up to a second later. */
  async restoreSecond(): Promise<void> {
    await this.#ip(`link set ${bridge} up`);
    for (const node of this.#lab.nodes) {
      for (const [i, other] of this.#lab.nodes.entries()) {
        if (other === node) continue;
        const isReached = async () => (await node.exec(['ping', '-c1', '-W1', addressOf(i)])).code === 0;
        await eventually(`${node.name} reaches ${other.name} on ${link}`, isReached);
      }
    }
  }

  /** Nothing passes between a node and the first network any more; its link keeps its carrier. */
  async muteFirst({ name }: LabHost): Promise<void> {
    const rules = ['iifname', 'oifname'].map((which) => `${which} "${name}" drop`);
    await this.#nft(`table ${firstTable} {
      chain forward {
        ${['type filter hook forward priority 0', ...rules].join('\n')}
      }
    }`);
  }

  /** The first network works again. */
  async restoreFirst(): Promise<void> {
    await this.#nft(`add table ${firstTable}\ndelete table ${firstTable}`);
  }

  /** Removes it, and what was done to the first one. */
  async remove(): Promise<void> {
    await this.restoreFirst();
    for (const { name } of this.#lab.nodes) await this.#ip(`link del ${portOf(name)}`);
    await this.#ip(`link del ${bridge}`);
  }

  async #ip(...lines: readonly string[]): Promise<void> {
    await mustRun(['ip', '-n', this.#switch, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  async #nft(commands: string): Promise<void> {
    await mustRun(['ip', 'netns', 'exec', this.#switch, 'nft', '-f', '-'], { input: `${commands}\n` });
  }
}

/** The address of the node with this index in the second network. */
function addressOf(index: number): string {
  return `192.168.77.${index + 1}`;
}

function portOf(node: string): string {
  return `m-${node}`;
}
