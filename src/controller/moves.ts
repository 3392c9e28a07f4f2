/**
 * Removes the annotation `berth.dev/move-to` once the node holds the VIP: if that node dies and comes back, the VIP must not return
 * to it.
 */
import { allocationName } from '../addr/ip.ts';
import { type AllocationView, allocationPatch, type RawAllocation, withoutMove } from '../api/allocation.ts';
import { collections, mergePatch } from '../kube/resources.ts';
import { mustDiffer, throwLate } from './refusal.ts';
import { type Writer, writeEach } from './writer.ts';

/** Removes the annotation of every entry whose move is complete. */
export function endMoves(entries: readonly AllocationView[], writer: Writer): Promise<void> {
  const completed = entries.filter(({ moveTo, recorded }) => {
    return moveTo !== undefined && recorded?.node === moveTo && recorded.since !== undefined;
  });
  return writeEach(writer, completed, {
    kind: 'IPAllocation',
    of: (entry) => entry,
    write: (entry) => endMove(entry, writer),
  });
}

async function endMove(entry: AllocationView, writer: Writer): Promise<void> {
  const { client, log, signal, informers } = writer;
  const { address, moveTo: node } = entry;
  const path = `${collections.allocations}/${allocationName(address)}`;
  try {
    const body = allocationPatch({ annotations: withoutMove }, entry);
    const written = await client.json<RawAllocation>({ ...mergePatch, path, body, signal });
    informers.allocations.assume(written);
    mustDiffer(written, entry);
    log.info({ vip: address, node }, 'move completed');
  } catch (error) {
    // The entry has changed, or is gone.
    await throwLate(error, { path, informer: informers.allocations, known: entry }, writer);
  }
}
