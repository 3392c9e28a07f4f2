/** What the kernel says about Berth's rules: whether it accepts commands, and what its tables contain. */
import { keepAliveText } from '../../dataplane/nft/fragment.ts';
import { type Ruleset, tableName } from '../../dataplane/nft/ruleset.ts';
import { NftError, nft } from '../../linux/nft.ts';

/** What to do about each reason of a failure, for the log. */
export const hints: Readonly<Record<string, string>> = {
  NoNft: 'the image has no nft: build it from the Dockerfile of this version',
  NotPermitted: 'the speaker needs CAP_NET_ADMIN (chart value speaker.nftables.enabled)',
  TimedOut: 'another program may change nftables rules without a pause',
  Refused:
    'err.message names the line; all rules but those of the named parts are loaded; Linux 5.15 and nft 1.0.6 or newer are needed',
};

/** Whether the kernel accepts these commands. Rejects with an {@link NftError} if it was not asked. */
export async function isAccepted(commands: string, ...options: readonly string[]): Promise<boolean> {
  try {
    await nft(commands, options);
    return true;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}

/** Are the tables of these rules in the kernel, from this speaker or a former one? */
export function isThere(ruleset: Ruleset): Promise<boolean> {
  return isAccepted(keepAliveText(ruleset), '--check');
}

/** Has the kernel, or nft, refused commands? */
export function isRefusal(error: unknown): error is NftError {
  return error instanceof NftError && error.reason === 'Refused';
}

/**
 * The tables of a ruleset without their elements, as text; undefined: one is missing, or cannot be listed. Lists one table at a time: of
 * several in one command nft 1.0.6 finds only the last one. Without counters, which change by themselves.
 */
export async function listTables(ruleset: Ruleset): Promise<string | undefined> {
  let listing = '';
  try {
    for (const { family } of ruleset) {
      listing += await nft(`list table ${family} ${tableName}\n`, ['--terse', '--stateless']);
    }
  } catch {
    return undefined;
  }
  return listing;
}
