/** CRC-32C (Castagnoli, RFC 3720): what ties DHT nodes to their addresses (BEP 42) and ranks peers (BEP 40). */
import type { Bytes } from "./Bytes.ts"

/** The polynomial 0x1EDC6F41 with its bits reversed, as a register that shifts right needs it. */
const POLYNOMIAL = 0x82f63b78

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
  return crc
})

/** The checksum of `bytes`, as an unsigned 32-bit number. */
export const crc32c = (bytes: Bytes): number => {
  let crc = -1
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[i]!) & 255]!
  return ~crc >>> 0
}
