/** A second network between the nodes of a lab, like the separate management network of real machines. */
import { eventually, type Lab, type LabHost } from '../lab/cluster.ts';
import { namespacePrefix } from '../lab/plan.ts';
import { mustRun } from '../lab/run.ts';

const link = 'mgmt';
const bridge = 'br1';
const firstTable = 'bridge berth_fault';

/** The second network, and faults of both networks. */
export class SecondNetwork {
  readonly #lab: Lab;
  readonly #switch: string;

  private constructor(lab: Lab) {
    this.#lab = lab;
    this.#switch = `${namespacePrefix(lab.id)}bridge`;
  }

  /** Gives every node a link to the second network; {@link remove} removes the links. */
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

  /** Makes all of the second network fail, but no link of a node loses its carrier. */
  async cutSecond(): Promise<void> {
    await this.#ip(`link set ${bridge} down`);
  }

  /**
   * Restores the second network. Resolves when every node reaches every other node on it: a kernel that got no answer to an ARP request
   * repeats it up to a second later.
   */
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

  /** Drops everything between a node and the first network. The node's link keeps its carrier. */
  async muteFirst({ name }: LabHost): Promise<void> {
    const rules = ['iifname', 'oifname'].map((which) => `${which} "${name}" drop`);
    await this.#nft(`table ${firstTable} {
      chain forward {
        ${['type filter hook forward priority 0', ...rules].join('\n')}
      }
    }`);
  }

  /** Restores the first network. */
  async restoreFirst(): Promise<void> {
    await this.#nft(`add table ${firstTable}\ndelete table ${firstTable}`);
  }

  /** Removes the second network, and the faults of the first one. */
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
