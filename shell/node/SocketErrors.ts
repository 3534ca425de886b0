/** What the errors of TCP sockets mean, on Node and on Deno: their codes, as reasons that callers can act upon. */
import type { Address } from "../../core/base/Address.ts"
import {
  type ConnectError,
  connectError,
  type ConnectReason,
  type ListenError,
  listenError,
  type ListenReason,
} from "../Transport.ts"

/** What a code says of a dial that failed. */
export const CONNECT_REASONS: ReadonlyMap<string, ConnectReason> = new Map([
  ["ECONNREFUSED", "Refused"],
  ["ETIMEDOUT", "Timeout"],
  ["EHOSTUNREACH", "Unreachable"],
  ["ENETUNREACH", "Unreachable"],
  ["EHOSTDOWN", "Unreachable"],
  ["ENETDOWN", "Unreachable"],
  ["ENOTFOUND", "Dns"],
  ["EAI_AGAIN", "Dns"],
  ["EAI_FAIL", "Dns"],
  ["EAI_NODATA", "Dns"],
  ["EAI_NONAME", "Dns"],
  ["ECONNRESET", "Reset"],
  ["EADDRNOTAVAIL", "BadLocalAddress"],
  ["EINVAL", "BadLocalAddress"], // from a loopback address to another network; and what Deno makes of the one above
  ["ERR_INVALID_IP_ADDRESS", "BadLocalAddress"],
  ["EACCES", "Denied"],
  ["EPERM", "Denied"],
  ["NotCapable", "Denied"], // Deno's own, without a code
  ["EMFILE", "TooManyOpenFiles"],
  ["ENFILE", "TooManyOpenFiles"],
])

const LISTEN_REASONS: ReadonlyMap<string, ListenReason> = new Map([
  ["EADDRINUSE", "AddressInUse"],
  ["EADDRNOTAVAIL", "AddressNotAvailable"],
  ["EINVAL", "AddressNotAvailable"], // what Deno makes of it
  ["ENOTFOUND", "AddressNotAvailable"],
  ["EACCES", "Denied"],
  ["EPERM", "Denied"],
  ["NotCapable", "Denied"],
])

/** Why an open connection broke, for people; the rest of the codes speak for themselves. */
export const CLOSE_REASONS: ReadonlyMap<string, string> = new Map([
  ["ECONNRESET", "connection reset by the peer"],
  ["EPIPE", "connection closed by the peer"],
  ["ETIMEDOUT", "connection timed out"],
  ["EHOSTUNREACH", "no route to the peer any more"],
  ["ENETUNREACH", "the network is gone"],
])

/** What the runtimes throw and tell. */
export interface SystemError extends Error {
  readonly code?: string
  /** One error an address, where a name has several. */
  readonly errors?: ReadonlyArray<SystemError>
}

/** Errors of several addresses come as one without a code; the first speaks for all. */
export const codeOf = (error: SystemError): string => error.code ?? error.errors?.[0]?.code ?? error.name

/** A dial failed. */
export const toConnectError = (address: Address, error: SystemError): ConnectError => {
  const code = codeOf(error)
  const reason = CONNECT_REASONS.get(code) ?? "Other"
  return connectError(reason, address, reason === "Other" ? `${code}: ${error.message}` : code)
}

/** Listening failed. */
export const toListenError = (address: Address, error: SystemError): ListenError => {
  const reason = LISTEN_REASONS.get(codeOf(error)) ?? "Other"
  return listenError(reason, address, reason === "Other" ? error.message : codeOf(error))
}
