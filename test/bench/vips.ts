/** The bench of the rules of many VIPs: the cost to load them, to change one, to keep them, and their cost for a packet. */
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { changeText, type Ruleset, wholeText } from '../../src/dataplane/nft/ruleset.ts';
import { rulesetOf } from '../../src/dataplane/rules/desired.ts';
import { createPair, ip, linkName, type Pair, writeSysctl } from '../net/namespaces.ts';
import { machineLine } from './machine.ts';
import { ratios, summaryOf, summaryText } from './medians.ts';
import type { Load, Measured } from './vips-load.ts';
import { type Kind, nodes, pathsOf } from './vips-path.ts';

/** What to measure. */
export interface VipsOptions {
  readonly vips: number;
  readonly runs: number;
}

const few = 10;
const frames = 200_000;
const kinds: readonly Kind[] = ['KubeProxy', 'NodePort', 'Spread'];
const execFileAsync = promisify(execFile);

/** Measures and prints a table. */
export async function benchVips({ vips, runs }: VipsOptions): Promise<void> {
  const pair = createPair();
  try {
    await prepare(pair);
    console.log(machineLine());
    console.log(`medians of ${runs} rounds, each with ${few} and then with ${vips} VIPs; in brackets a half of all`);
    const rows: Record<string, Record<string, string>> = {};
    for (const kind of kinds) rows[kind] = await measure(pair, kind, { vips, runs });
    const names = Object.keys(rows[kinds[0] ?? ''] ?? {});
    const turned = names.map((name) => [name, Object.fromEntries(kinds.map((kind) => [kind, rows[kind]?.[name]]))]);
    console.table(Object.fromEntries(turned));
  } finally {
    pair.close();
  }
}

/** Drops every packet after it has passed our rules: replies and further hops are not measured. */
async function prepare({ node }: Pair): Promise<void> {
  writeSysctl(node, 'net/ipv4/ip_forward', '1');
  writeSysctl(node, 'net/ipv4/conf/all/send_redirects', '0');
  writeSysctl(node, `net/ipv4/conf/${linkName}/send_redirects`, '0');
  for (const { address, mac } of nodes.slice(1)) {
    ip(`-n ${node} neighbour add ${address} lladdr ${mac} dev ${linkName} nud permanent`);
  }
  const hooks = ['input', 'forward'].map(
    (hook) => `chain ${hook} { type filter hook ${hook} priority 400; policy drop; }`,
  );
  await nft(node, `table ip end {\n${hooks.join('\n')}\n}\n`);
}

interface Round {
  readonly whole: Loaded;
  readonly change: Loaded;
  readonly listMs: number;
  readonly kernelMb: number;
  readonly nsFew: number;
  /** Many VIPs are loaded, and datagrams go to a few of them. */
  readonly nsHot: number;
  readonly nsMany: number;
}

async function measure(pair: Pair, kind: Kind, { vips, runs }: VipsOptions): Promise<Record<string, string>> {
  const own = ownCost(kind, vips);
  const [some, all, more] = [few, vips - 1, vips].map((count) => rulesetOf(pathsOf(kind)(count)));
  if (some === undefined || all === undefined || more === undefined) throw new Error('nothing to measure');
  const rounds: Round[] = [];
  for (let i = 0; i < runs; i++) rounds.push(await measureRound(pair, { some, all, more }, vips));
  const text = (pick: (round: Round) => number, digits = 0) => summaryText(summaryOf(rounds.map(pick)), digits);
  const ofFew = rounds.map(({ nsFew }) => nsFew);
  const ratio = (pick: (round: Round) => number) => summaryText(summaryOf(ratios(rounds.map(pick), ofFew)), 3);
  return {
    'speaker: rules made, ms of CPU': own.rulesMs.toFixed(0),
    'speaker: text made, ms of CPU': own.textMs.toFixed(0),
    'speaker: heap for them, MB': own.heapMb.toFixed(1),
    'all loaded, ms': text(({ whole }) => whole.ms),
    'nft, resident at most, MB': text(({ whole }) => whole.peakMb),
    'kernel memory, MB': text(({ kernelMb }) => kernelMb, 1),
    'one VIP more: speaker, ms of CPU': own.changeMs.toFixed(1),
    'one VIP more: loaded, ms': text(({ change }) => change.ms),
    'one VIP more: nft, resident at most, MB': text(({ change }) => change.peakMb),
    'all tables listed to look for changes, ms': text(({ listMs }) => listMs),
    [`packet, ${few} VIPs, ns`]: text(({ nsFew }) => nsFew),
    [`packet for ${few} of ${vips} VIPs: ratio`]: ratio(({ nsHot }) => nsHot),
    [`packet for any of ${vips} VIPs: ratio`]: ratio(({ nsMany }) => nsMany),
  };
}

/** Measures the speaker's own part: CPU time and memory of this process. */
function ownCost(kind: Kind, vips: number) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const heapBefore = process.memoryUsage().heapUsed;
  const paths = pathsOf(kind);
  const path = paths(vips - 1);
  const [before, rulesMs] = timed(() => rulesetOf(path));
  const [text, textMs] = timed(() => wholeText(before));
  collect();
  const heapMb = (process.memoryUsage().heapUsed - heapBefore - text.length) / 2 ** 20;
  const grown = paths(vips);
  const [change, changeMs] = timed(() => changeText(before, rulesetOf(grown)));
  if (change === '') throw new Error('one VIP more changes nothing');
  return { rulesMs, textMs, changeMs, heapMb };
}

/** Returns the result of a call, and its CPU time in milliseconds. */
function timed<T>(call: () => T): readonly [T, number] {
  const before = process.cpuUsage();
  const result = call();
  const { user, system } = process.cpuUsage(before);
  return [result, (user + system) / 1_000];
}

interface Rulesets {
  readonly some: Ruleset;
  readonly all: Ruleset;
  readonly more: Ruleset;
}

async function measureRound({ client, node }: Pair, { some, all, more }: Rulesets, vips: number): Promise<Round> {
  await nft(node, wholeText(some));
  const nsFew = await costOf(client, { vips: few, frames });
  await nft(node, wholeText([]));
  const before = kernelMemoryMb();
  const whole = await nft(node, wholeText(all));
  const kernelMb = kernelMemoryMb() - before;
  const change = await nft(node, changeText(all, more));
  const listBegan = performance.now();
  await Promise.all(more.map(({ family }) => nft(node, `list table ${family} berth\n`, ['--terse'])));
  const listMs = performance.now() - listBegan;
  const nsHot = await costOf(client, { vips: few, frames });
  const nsMany = await costOf(client, { vips, frames });
  return { whole, change, listMs, kernelMb, nsFew, nsHot, nsMany };
}

async function costOf(client: string, load: Load): Promise<number> {
  const program = new URL('./vips-load.ts', import.meta.url).pathname;
  const argv = ['netns', 'exec', client, process.execPath, program, JSON.stringify(load)];
  const { stdout } = await execFileAsync('ip', argv);
  return (JSON.parse(stdout) as Measured).nsPerFrame;
}

interface Loaded {
  readonly ms: number;
  readonly peakMb: number;
}

/** Runs nft in a namespace and samples its memory all the time. */
function nft(namespace: string, commands: string, args: readonly string[] = []): Promise<Loaded> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const argv = ['netns', 'exec', namespace, 'nft', ...args, '-f', '-'];
    const child = spawn('ip', argv, { stdio: ['pipe', 'ignore', 'inherit'] });
    let peakMb = 0;
    const timer = setInterval(() => {
      peakMb = Math.max(peakMb, peakOf(child.pid ?? 0));
    }, 2);
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(timer);
      if (code === 0) resolve({ ms: performance.now() - began, peakMb });
      else reject(new Error(`nft ended with ${code}`));
    });
    child.stdin.end(commands);
  });
}

function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

/** Reads the size of the kernel memory that holds rules and elements. Other programs change it too, therefore medians. */
function kernelMemoryMb(): number {
  const text = readFileSync('/proc/meminfo', 'latin1');
  const kb = ['Slab', 'Percpu', 'VmallocUsed'].map((name) =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1] ?? 0),
  );
  return kb.reduce((sum, one) => sum + one, 0) / 1_024;
}
