/** An address on the command line, in any spelling. */
import { type Ip, parseIp } from '../../addr/ip.ts';
import { misused } from '../output/failure.ts';

/**
 * Parses an address in any spelling that people copy: `2001:DB8:0::1`, `[2001:db8::1]`, or the name of its IPAllocation,
 * `2001-0db8-0000-0000-0000-0000-0000-0001`. Throws a Failure if the text is no address.
 */
export function addressArgument(text: string): Ip {
  const plain = text.trim().replace(/^\[(.*)\]$/, '$1');
  const address = parseIp(plain) ?? parseIp(plain.replaceAll('-', ':'));
  if (address === undefined) throw misused(`"${text}" is not an IP address`);
  return address;
}
