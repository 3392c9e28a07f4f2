/**
 * Fixture: answers ARP and NDP, and obeys JSON lines on standard input. The tests start it inside a
 * network namespace.
 */
import { existsSync } from 'node:fs';
import type { Ip } from '../../src/addr/ip.ts';
import { openFrameSender, type SendOutcome } from '../../src/linux/frame-sender.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import { SolicitedGroups } from '../../src/linux/solicited-groups.ts';
import { type LinkVips, startResponder } from '../../src/linux/worker/responder-thread.ts';
import { encodeUnsolicited } from '../../src/neighbor/gratuitous-frames.ts';
import type { DueFrame } from '../../src/neighbor/gratuitous-schedule.ts';
import { NeighborProber } from '../../src/speaker/announce/neighbor-prober.ts';
import { obey as obeyLines, say as sayLine, sayReady } from './fixture.ts';

/** One line of standard input. Every command but `exit` is answered with one line. */
export type Command =
  | { readonly do: 'apply'; readonly links: Readonly<Record<string, readonly string[]>> }
  | { readonly do: 'applyWhole'; readonly links: readonly (Omit<LinkVips, 'link'> & { readonly name: string })[] }
  | { readonly do: 'ask'; readonly link: string; readonly address: string; readonly to?: string }
  | { readonly do: 'counters' }
  | { readonly do: 'onStall'; readonly links?: Readonly<Record<string, readonly string[]>>; readonly waitsFor?: string }
  | { readonly do: 'announce'; readonly link: string; readonly frame: DueFrame }
  | { readonly do: 'send'; readonly link: string; readonly frame: string }
  | { readonly do: 'close' }
  | { readonly do: 'exit' };

/**
 * A line that the process prints. `counters` also has the age of the worker's heartbeat, and this
 * process's memory and CPU time.
 */
export interface Report {
  readonly kind: 'ready' | 'done' | 'counters' | 'failed' | 'heard' | 'linkFailed' | 'stalled' | 'decided';
  readonly [fact: string]: unknown;
}

const say = (report: Report) => sayLine(report);

/** The decision after a stall: the file that it waits for, and its result. */
let onStall: Extract<Command, { do: 'onStall' }> = { do: 'onStall' };

const responder = await startResponder({
  onStalled: (ms) => {
    say({ kind: 'stalled', ms });
    while (onStall.waitsFor !== undefined && !existsSync(onStall.waitsFor)) sleepMs(5);
    if (onStall.links) void applyNamed(onStall.links);
    say({ kind: 'decided', ...responder.counters() });
  },
  onLinkFailed: (failure) => say({ kind: 'linkFailed', ...failure }),
  onHeard: ({ address, mac }) => say({ kind: 'heard', address, mac }),
  onThreadFailed: (error) => say({ kind: 'failed', message: error.message }),
}).catch((error: NodeJS.ErrnoException) => {
  say({ kind: 'failed', code: error.code, message: error.message });
  process.exit(1);
});

/** Blocks this thread. */
function sleepMs(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const groups = new SolicitedGroups((failure) => say({ kind: 'linkFailed', ...failure }));

const prober = new NeighborProber({ debug: (...words: readonly unknown[]) => console.error(...words) });

function applyNamed(links: Readonly<Record<string, readonly string[]>>): Promise<void> {
  return applyAll(Object.entries(links).map(([name, vips]) => ({ link: linkNamed(name), vips: vips as Ip[] })));
}

async function applyAll(desired: readonly LinkVips[]): Promise<void> {
  await responder.apply(desired);
  groups.apply(desired);
}

function linkNamed(name: string) {
  const link = readLinks().find((candidate) => candidate.name === name);
  if (link === undefined) throw new Error(`no link ${name}`);
  return link;
}

function sendOn(name: string, frame: Uint8Array): SendOutcome {
  const sender = openFrameSender(linkNamed(name));
  const outcome = sender.send(frame);
  sender.close();
  return outcome;
}

async function obey(command: Command): Promise<Report> {
  switch (command.do) {
    case 'apply':
      await applyNamed(command.links);
      return { kind: 'done' };
    case 'onStall':
      onStall = command;
      return { kind: 'done' };
    case 'applyWhole':
      await applyAll(command.links.map(({ name, ...rest }) => ({ ...rest, link: linkNamed(name) })));
      return { kind: 'done' };
    case 'ask':
      prober.probeOn(linkNamed(command.link), command.address as Ip, command.to);
      return { kind: 'done' };
    case 'counters': {
      const { rss } = process.memoryUsage();
      return {
        kind: 'counters',
        ...responder.counters(),
        heartbeatAgeMs: responder.heartbeatAgeMs(),
        rss,
        cpu: process.cpuUsage(),
      };
    }
    case 'announce': {
      const frame = encodeUnsolicited(linkNamed(command.link).mac, command.frame);
      return { kind: 'done', outcome: sendOn(command.link, frame) };
    }
    case 'send':
      return { kind: 'done', outcome: sendOn(command.link, Buffer.from(command.frame, 'hex')) };
    case 'close':
      await responder.close();
      return { kind: 'done' };
    case 'exit':
      process.exit(0);
  }
}

obeyLines<Command>(async (command) => say(await obey(command)));
sayReady();
