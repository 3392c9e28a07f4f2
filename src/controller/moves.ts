/**
 * Removes the annotation `berth.dev/move-to` once the node holds the VIP: if that node dies and comes back, the VIP must not return
 * to it.
 */
import { allocationName } from '../addr/ip.ts';
import { type AllocationView, allocationObject, type RawAllocation, specOfEntry, wishesOf } from '../api/allocation.ts';
import { hasStatus, isStale } from '../kube/client.ts';
import { collections } from '../kube/resources.ts';
import { type Writer, writeEach } from './writer.ts';

/** Removes the annotation of every entry whose move is complete. */
export function endMoves(entries: readonly AllocationView[], writer: Writer): Promise<void> {
  const completed = entries.filter(({ moveTo, recorded }) => {
    return moveTo !== undefined && recorded?.node === moveTo && recorded.since !== undefined;
  });
  return writeEach(writer, completed, { of: (entry) => entry, write: (entry) => endMove(entry, writer) });
}

async function endMove(entry: AllocationView, { client, log, signal, informers }: Writer): Promise<void> {
  const { address, moveTo: node } = entry;
  const path = `${collections.allocations}/${allocationName(address)}`;
  try {
    const body = allocationObject(specOfEntry(entry), entry, wishesOf({ ...entry, moveTo: undefined }));
    informers.allocations.assume(await client.json<RawAllocation>({ method: 'PUT', path, body, signal }));
    log.info({ vip: address, node }, 'move completed');
  } catch (error) {
    // The entry has changed, or is gone: the watch reports it, and the next pass checks again.
    if (!isStale(error) && !hasStatus(error, 404)) throw error;
  }
}
