/** The Pod start bench: what a change of one EndpointSlice costs a speaker with many VIPs, in the process alone. */
import { type Ip, ipFromNumber, ipToNumber } from '../../src/addr/ip.ts';
import { type EndpointSliceView, parseEndpointSlice } from '../../src/api/endpoints.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { DataplaneWatch } from '../../src/speaker/dataplane/dataplane-watch.ts';
import { SpreadWatch } from '../../src/speaker/dataplane/spread-watch.ts';
import { entry, node } from '../unit/fixtures.ts';
import { announcedBy, link, NodeInABox, self, serviceAt } from '../unit/speaker/node-in-a-box.ts';
import { summaryOf, summaryText } from './medians.ts';

const firstVip = ipToNumber('10.99.16.0' as Ip);
const nodes = [self, 'n2', 'n3'];
const uplink = link('eth0', { addresses: [{ address: '10.99.0.1' as Ip, prefix: 16 }] });
let version = 1;

/** A slice of a Service with Pods on these nodes. */
function slice(service: string, ...pods: readonly string[]): EndpointSliceView {
  const labels = { 'kubernetes.io/service-name': service };
  const metadata = { name: service, namespace: 'default', uid: service, resourceVersion: `${version++}`, labels };
  const endpoints = pods.map((nodeName) => ({ addresses: ['10.244.0.1'], nodeName, conditions: { ready: true } }));
  return parseEndpointSlice({ metadata, endpoints }) as EndpointSliceView;
}

/** A speaker that holds all VIPs, and as many Services without a VIP beside them. */
function speakerWith(vips: number) {
  const services = Array.from({ length: vips }, (_, i) => serviceAt(ipFromNumber(firstVip + BigInt(i), 'IPv4')));
  const entries = services.map((to, i) => entry(ipFromNumber(firstVip + BigInt(i), 'IPv4'), to, announcedBy(self)));
  const slices = services.flatMap(({ name }) => [slice(name, self, 'n2'), slice(`other-${name}`, self)]);
  const box = new NodeInABox({ entries, services, slices, nodes: nodes.map((name) => node(name)) }, [uplink]);
  const { informers, desired } = box;
  const watch = new DataplaneWatch({
    ...{ informers, desired, links: () => [uplink], blockedOn: () => [], prober: { probe: () => [] } },
    runner: { decisions: [], membership: { present: nodes, lost: [] }, linksOf: () => [] },
    spread: new SpreadWatch({
      log: createLogger('speaker', 'silent'),
      tester: { observe: () => undefined, blockedOn: () => [] },
      fault: () => undefined,
    }),
    options: { nodeName: self, handOff: 'KubeProxy', synLimit: undefined, conntrackZone: 7932 },
  });
  return { box, watch, names: services.map(({ name }) => name) };
}

/** What to measure. */
interface PodStartOptions {
  readonly vips: number;
  readonly rounds: number;
}

const changes: Readonly<Record<string, (name: string) => EndpointSliceView>> = {
  'a Pod of a Service without a VIP': (name) => slice(`other-${name}`, self, 'n2'),
  'one Pod more of a Service with a VIP': (name) => slice(name, self, 'n2', 'n3'),
  'the last Pod of a Service with a VIP': (name) => slice(name),
};

/** Prints the CPU time for all that follows from a change, before any rule is loaded. */
export async function benchPodStart({ vips, rounds }: PodStartOptions): Promise<void> {
  const { box, watch, names } = speakerWith(vips);
  const { store } = box.informers.endpointSlices;
  /** As the speaker makes it after each change that counts. */
  const pass = async () => {
    box.desired.observe();
    watch.replan();
    await new Promise((resolve) => setTimeout(resolve, 12));
  };
  await pass();
  for (const [desc, change] of Object.entries(changes)) {
    const times: number[] = [];
    let passes = 0;
    for (const name of names.slice(0, rounds)) {
      const view = change(name);
      const [cpu, before] = [process.cpuUsage(), store.answersRevision];
      store.put(view);
      if (store.answersRevision !== before) {
        passes++;
        await pass();
      }
      const { user, system } = process.cpuUsage(cpu);
      times.push((user + system) / 1_000);
    }
    console.log(`${desc}: ${summaryText(summaryOf(times), 3)} ms of CPU, ${passes} passes for ${rounds} changes`);
  }
  watch.close();
  box.close();
}
