/** rtnetlink messages as bytes, as the kernel writes them. */

const little16 = (value: number) => [value & 0xff, (value >> 8) & 0xff];
const little32 = (value: number) => [...little16(value & 0xffff), ...little16(value >>> 16)];

/** The kernel pads messages and attributes to four bytes. */
function padded(bytes: readonly number[]): readonly number[] {
  return [...bytes, ...Array<number>(-bytes.length & 3).fill(0)];
}

/** An attribute with its header. */
export function attribute(type: number, value: readonly number[]): readonly number[] {
  return padded([...little16(4 + value.length), ...little16(type), ...value]);
}

/** A message: `struct nlmsghdr` and its body. */
export function message(type: number, body: readonly number[], flags = 0): readonly number[] {
  return padded([
    ...little32(16 + body.length),
    ...little16(type),
    ...little16(flags),
    ...little32(1),
    ...little32(7),
    ...body,
  ]);
}

/** The fields of an RTM_NEWLINK or RTM_DELLINK. */
export interface LinkFields {
  readonly index?: number;
  readonly flags?: number;
  readonly family?: number;
  readonly attributes?: readonly (readonly number[])[];
}

/** `struct ifinfomsg` and attributes. */
export function linkBody({ index = 7, flags = 0x11043, family = 0, attributes = [] }: LinkFields): readonly number[] {
  return [family, 0, ...little16(1), ...little32(index), ...little32(flags), ...little32(0), ...attributes.flat()];
}

/** The fields of an RTM_NEWADDR or RTM_DELADDR. */
export interface AddressFields {
  readonly family: number;
  readonly prefix: number;
  readonly index?: number;
  readonly flags?: number;
  readonly attributes: readonly (readonly number[])[];
}

/** `struct ifaddrmsg` and attributes. */
export function addressBody({ family, prefix, index = 7, flags = 0, attributes }: AddressFields): readonly number[] {
  return [family, prefix, flags, 0, ...little32(index), ...attributes.flat()];
}

/** `struct tcmsg` and attributes. */
export function qdiscBody(index: number, attributes: readonly (readonly number[])[]): readonly number[] {
  const [handle, parent, info] = [0xffff0000, 0xfffffff1, 1];
  return [0, 0, 0, 0, ...[index, handle, parent, info].flatMap(little32), ...attributes.flat()];
}

/** IFLA_IFNAME with a name. */
export const nameAttribute = (name: string) => attribute(3, [...Buffer.from(name), 0]);

/** IFLA_ADDRESS. */
export const macAttribute = (...bytes: readonly number[]) => attribute(1, bytes);

/** IFLA_MASTER. */
export const masterAttribute = (index: number) => attribute(10, little32(index));

/**
 * IFLA_XDP, nested. IFLA_XDP_ATTACHED is XDP_ATTACHED_NONE (0), DRV, SKB, HW or MULTI (4); an
 * attached program has a number.
 */
export const xdpAttribute = (attached: number) =>
  attribute(0x8000 | 43, [...attribute(2, [attached]), ...(attached === 0 ? [] : attribute(1, little32(7)))]);

/** IFLA_OPERSTATE "up". */
export const operStateAttribute = attribute(16, [6]);

/** IFA_FLAGS. */
export const flagsAttribute = (flags: number) => attribute(8, little32(flags));

/** The error number of an NLMSG_ERROR or NLMSG_DONE. */
export const errorBody = (errno: number) => little32(-errno);
