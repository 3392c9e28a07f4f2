/** Lets this process send requests from a host of the lab: thousands of requests are too many to start a program for each. */
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import type { LabHost } from '../lab/cluster.ts';

/** CLONE_NEWNET of setns(2). */
const networkNamespace = 0x4000_0000;

/** Moves this thread, with its new sockets and the programs that it starts, into the host's network namespace (setns(2)). */
export function enterNetworkOf(host: LabHost): void {
  const setns = koffi.load(null).func('int setns(int fd, int type)');
  const file = openSync(`/run/netns/${host.namespace}`, 'r');
  const result = setns(file, networkNamespace);
  closeSync(file);
  if (result !== 0) throw new Error(`setns to ${host.namespace}: errno ${koffi.errno()}`);
}
