/** Where a peer or a node listens: an IP literal (IPv6 without brackets) or a name that the shell resolves. */
export interface Address {
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
}

/** `host:port`, or `[host]:port` for IPv6: unique, printable, and what {@link parse} reads. */
export const format = (address: Address): string =>
  address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`

/** Reads `host:port` and `[v6]:port`; `undefined` where either part is missing or the port is out of range. */
export const parse = (text: string): Address | undefined => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const port = Number(match[3])
  if (port < 1 || port > 65_535) return undefined
  return { host: (match[1] ?? match[2])!, port }
}

/** This machine itself: 127.0.0.0/8, ::1 and the name for them. */
export const isLoopback = ({ host }: Address): boolean =>
  host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host)

/** On this machine or its local network: loopback, private, link-local and unique local addresses (RFC 6890). */
export const isLocal = (address: Address): boolean =>
  isLoopback(address) ||
  (address.host.includes(":")
    ? /^f[cd][0-9a-f]{2}:|^fe[89ab][0-9a-f]:/i.test(address.host)
    : /^(10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))(\.\d+)+$/.test(address.host))

export const equals = (a: Address, b: Address): boolean => a.port === b.port && a.host === b.host

/** Reads one compact IPv4 peer (BEP 23): 4 bytes of address, 2 of port, big endian, at `offset`. */
export const fromCompact4 = (bytes: Uint8Array, offset: number): Address => ({
  host: ipv4(bytes, offset),
  port: (bytes[offset + 4]! << 8) | bytes[offset + 5]!,
})

/**
 * Reads one compact IPv6 peer (BEP 7): 16 bytes of address, 2 of port, big endian, at `offset`. An IPv4 address in IPv6
 * (`::ffff:a.b.c.d`) comes out as IPv4: the same peer must not be two hosts.
 */
export const fromCompact6 = (bytes: Uint8Array, offset: number): Address => ({
  host: isMapped(bytes, offset) ? ipv4(bytes, offset + 12) : ipv6(bytes, offset),
  port: (bytes[offset + 16]! << 8) | bytes[offset + 17]!,
})

/** The first 12 bytes are those of `::ffff:0:0/96` (RFC 4291, 2.5.5.2). */
const isMapped = (bytes: Uint8Array, offset: number): boolean => {
  for (let i = 0; i < 10; i++) if (bytes[offset + i] !== 0) return false
  return bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff
}

/** The text of the IPv4 address in the 4 bytes at `offset`. */
export const ipv4 = (bytes: Uint8Array, offset: number): string =>
  `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`

/** The canonical text of the IPv6 address at `offset` (RFC 5952): lower case, the longest run of zero groups as `::`. */
export const ipv6 = (bytes: Uint8Array, offset: number): string => {
  const groups: Array<number> = []
  for (let i = 0; i < 16; i += 2) groups.push((bytes[offset + i]! << 8) | bytes[offset + i + 1]!)
  let start = -1
  let length = 1 // a single zero group is not shortened
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > length) {
      start = i
      length = end - i
    }
    if (end > i) i = end - 1
  }
  const hex = groups.map((group) => group.toString(16))
  if (start < 0) return hex.join(":")
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`
}
