/** An open stream to a peer and what its owner hears of it: what `Transport` hands out. */
import type { Address } from "../core/base/Address.ts"
import type { Bytes } from "../core/base/Bytes.ts"

/** Above so many unsent bytes a connection has enough to do; `onDrain` tells when it has fallen back to them. */
export const DRAIN_BYTES = 512 * 1024

/** An open connection. Whoever has it must close it, or see it closed. */
export interface Connection {
  /** The peer's IP address and port; IPv4 in its own form, also on a socket that takes both. */
  readonly remote: Address
  /** Queues bytes, which must not change before `onWritten`; nothing happens once the connection is closed. */
  readonly write: (bytes: Bytes) => void
  /** Bytes queued and not yet taken by the system. */
  readonly bufferedBytes: () => number
  /** Stops reading, so that the peer's sends come to a halt; a read that has begun may still be delivered. */
  readonly pauseReads: () => void
  readonly resumeReads: () => void
  /**
   * Ends the connection: no handler is called any more. What is queued is still sent, if the peer takes it soon. Closing
   * twice is closing once.
   */
  readonly close: () => void
}

/** Called in the order of events, never inside a call of the connection's own functions. */
export interface ConnectionHandlers {
  /** One read, of any size. The bytes are the receiver's to keep: nothing is ever read over them. */
  readonly onRead: (bytes: Bytes) => void
  /** The system has these bytes, which are just as they were given to `write`: they may change again. */
  readonly onWritten?: (bytes: Bytes) => void
  /** `bufferedBytes` was above {@link DRAIN_BYTES} and is no longer. */
  readonly onDrain: () => void
  /** The connection is gone, and not because of `close`: once, and last. `undefined`: the peer ended the stream. */
  readonly onClose: (reason: string | undefined) => void
}

export interface ConnectOptions {
  /** Resolving the name included. */
  readonly timeoutMs: number
  /** An IP address of this machine to connect from. */
  readonly localAddress?: string
}

export interface ListenOptions {
  /** An IP address of this machine; all of them where it is missing. */
  readonly host?: string
  /** 0: any that is free. */
  readonly port: number
  /** Asked of each peer that connects, before anything is made for it: whom it refuses is cut off. All may where it is missing. */
  readonly admits?: (remote: Address) => boolean
}

export interface Listener {
  /** Where it listens, with the port that it got. */
  readonly address: Address
}

/** A peer has connected. Without handlers by the time this returns, the connection is closed. */
export type OnConnection = (
  connection: Connection,
  setHandlers: (handlers: ConnectionHandlers) => void,
) => void
