/** Takes the wish away that a VIP be at a certain node, once it is: when that node dies and comes back, nothing is to return to it. */
import { allocationName } from '../addr/ip.ts';
import { type AllocationView, allocationObject, type RawAllocation, specOfEntry, wishesOf } from '../api/allocation.ts';
import { hasStatus, isStale } from '../kube/client.ts';
import { collections } from '../kube/resources.ts';
import { type Writer, writeEach } from './writer.ts';

/** Looks at all entries. */
export function endMoves(entries: readonly AllocationView[], writer: Writer): Promise<void> {
  const fulfilled = entries.filter(({ moveTo, recorded }) => {
    return moveTo !== undefined && recorded?.node === moveTo && recorded.since !== undefined;
  });
  return writeEach(writer, fulfilled, { of: (entry) => entry, write: (entry) => endMove(entry, writer) });
}

async function endMove(entry: AllocationView, { client, log, signal, informers }: Writer): Promise<void> {
  const { address, moveTo: node } = entry;
  const path = `${collections.allocations}/${allocationName(address)}`;
  try {
    const body = allocationObject(specOfEntry(entry), entry, wishesOf({ ...entry, moveTo: undefined }));
    informers.allocations.assume(await client.json<RawAllocation>({ method: 'PUT', path, body, signal }));
    log.info({ vip: address, node }, 'moved as wished');
  } catch (error) {
    // Changed meanwhile, or gone: the watch tells, and the next pass looks again.
    if (!isStale(error) && !hasStatus(error, 404)) throw error;
  }
}
