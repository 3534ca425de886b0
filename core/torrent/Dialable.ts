/** Which of the addresses that others tell us are worth a dial at all. What is private or local may well be a peer. */
import type { Address } from "../base/Address.ts"

/** True for a port from 1 on, and a host that is one machine's IP address or has the shape of a DNS name. */
export const isDialable = ({ host, port }: Address): boolean =>
  Number.isInteger(port) && port >= 1 && port <= 65_535 && isHost(host)

const isHost = (host: string): boolean => {
  if (host.length === 0 || host.length > 253) return false
  if (host.includes(":")) return isIpv6(host)
  const labels = host.split(".")
  // A name whose last part is a number can only be meant as IPv4 (WHATWG URL, "ends in a number").
  if (/^\d+$/.test(labels.at(-1)!)) return isIpv4(host)
  return labels.every((label) => /^[A-Za-z0-9_-]{1,63}$/.test(label))
}

/** Four numbers; neither "this network" nor multicast, reserved or broadcast (RFC 6890). */
const isIpv4 = (host: string): boolean => {
  const parts = host.split(".")
  return parts.length === 4 &&
    parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255) &&
    Number(parts[0]) >= 1 && Number(parts[0]) < 224
}

/** Eight groups, or fewer around one `::`; neither the unspecified address nor multicast (RFC 4291). */
const isIpv6 = (host: string): boolean => {
  const halves = host.split("::")
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => half === "" ? [] : half.split(":"))
  const last = groups.at(-1)
  if (last?.includes(".")) {
    if (!isIpv4(last)) return false
    groups.splice(-1, 1, "1", "1") // an IPv4 address at the end stands for two groups
  }
  if (halves.length === 2 ? groups.length > 7 : groups.length !== 8) return false
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false
  return groups.some((group) => !/^0+$/.test(group)) && !/^ff/i.test(host)
}
