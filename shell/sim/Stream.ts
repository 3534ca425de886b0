/**
 * One end of a simulated connection: what an application sees of TCP. Bytes come in order or not at all; a receiver that
 * does not read stops the sender; loss is a pause; an end that is gone is noticed, or not.
 *
 *      write ──▶ unsent ──line, window──▶ wire ──latency, line──▶ inbox ──▶ onRead
 *               bufferedBytes             └─────── flight: 256 KiB at most ───────┘  unless paused
 */
import { type Address, format } from "../../core/base/Address.ts"
import { type Bytes, concat } from "../../core/base/Bytes.ts"
import { type Millis, SECOND } from "../../core/base/Time.ts"
import { type Connection, type ConnectionHandlers, DRAIN_BYTES } from "../Connection.ts"
import * as Network from "./Network.ts"
import * as Process from "./Process.ts"
import * as World from "./World.ts"

/** Sent and not read: the buffers of both systems and what is on its way. */
export const WINDOW_BYTES = 256 * 1024

/** What leaves at a time, and what a read brings at most. */
const SEGMENT_BYTES = 64 * 1024

/** What is unsent at a close is given up after so long, as `NodeTransport` does. */
const LINGER_MS: Millis = 2 * SECOND

/** `undefined` in place of bytes: the end of the stream. */
type Segment = Bytes | undefined

export class End implements Connection {
  readonly remote: Address
  readonly #host: Network.Host
  readonly #process: Process.Process
  readonly #name: string
  #far: End | undefined
  #handlers: ConnectionHandlers | undefined
  readonly #unsent: Array<Bytes> = []
  #sentOfFirst = 0
  #unsentBytes = 0
  #isAboveMark = false
  #isSending = false
  /** What has left here and was not read there. */
  #flightBytes = 0
  /** On its way here, in order. */
  #wire: Array<Segment> = []
  #lastArrivalAt: Millis = 0
  #inbox: Array<Bytes> = []
  #isEndSeen = false
  #isPaused = false
  /** Its owner has closed it; what is unsent still goes. */
  #isClosed = false
  #isEndSent = false
  /** Nothing is sent or received here any more. */
  #isGone = false
  #stalledUntil: Millis = 0

  constructor(host: Network.Host, process: Process.Process, local: Address, remote: Address) {
    this.#host = host
    this.#process = process
    this.remote = remote
    this.#name = `${host.index} ${format(local)} with ${format(remote)}`
    host.ends.add(this)
  }

  /** Makes two ends one connection. */
  readonly join = (far: End): void => {
    this.#far = far
    far.#far = this
  }

  readonly begin = (handlers: ConnectionHandlers): void => {
    this.#handlers = handlers
    this.#later(() => this.#deliver())
  }

  readonly hasBegun = (): boolean => this.#handlers !== undefined

  readonly write = (bytes: Bytes): void => {
    if (this.#isClosed || this.#isGone || bytes.length === 0) return
    this.#unsent.push(bytes)
    this.#unsentBytes += bytes.length
    if (this.#unsentBytes > DRAIN_BYTES) this.#isAboveMark = true
    this.#pump()
  }

  readonly bufferedBytes = (): number => this.#isClosed || this.#isGone ? 0 : this.#unsentBytes

  readonly pauseReads = (): void => {
    this.#isPaused = true
  }

  readonly resumeReads = (): void => {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#later(() => this.#deliver())
  }

  readonly close = (): void => {
    if (this.#isClosed || this.#isGone) return
    this.#isClosed = true
    // What is not read never will be, and stops nobody.
    this.#forgetInbox()
    this.#pump()
    if (this.#unsentBytes > 0) {
      World.after(this.#world(), LINGER_MS, () => this.#reset("given up unsent"))
    }
  }

  /** The connection breaks: here at once, over there as soon as word of it arrives. */
  readonly reset = (): void => this.#reset("connection reset")

  /** Nothing arrives here before `until`. */
  readonly stall = (until: Millis): void => {
    this.#stalledUntil = Math.max(this.#stalledUntil, until)
  }

  /** The process is gone, if it is this one's: the system tells the other end, unless the machine is gone with it. */
  readonly abandon = (process: Process.Process): void => {
    if (this.#isGone || this.#process !== process) return
    this.#handlers = undefined
    if (this.#host.isUp) this.#reset("process gone")
    else this.#vanish()
  }

  #world(): World.World {
    return this.#host.network.world
  }

  /** Handlers are never called inside a call of the connection's own functions. */
  #later(task: () => void): void {
    World.after(this.#world(), 0, () => {
      if (!this.#isGone) task()
    })
  }

  #latencyMs(): Millis {
    return Network.latencyMs(this.#host, this.#far!.#host)
  }

  /** Sends one segment after the other, each when the line is free and the window open. */
  #pump(): void {
    const far = this.#far
    if (this.#isSending || this.#isGone || far === undefined) return
    if (this.#unsentBytes === 0) {
      if (!this.#isClosed || this.#isEndSent) return
      this.#isEndSent = true
      far.#expect(undefined, this.#latencyMs())
      return this.#deliver()
    }
    const room = WINDOW_BYTES - this.#flightBytes
    if (room <= 0) return
    const bytes = Network.cut(this.#host.network, Math.min(this.#unsentBytes, room, SEGMENT_BYTES))
    this.#isSending = true
    this.#flightBytes += bytes
    World.at(this.#world(), Network.upload(this.#host, far.#host, bytes), () => this.#left(bytes))
  }

  /** So many bytes have left. */
  #left(bytes: number): void {
    this.#isSending = false
    if (this.#isGone) return
    // A copy, as on a real network: what the one end keeps is not what the other one sent.
    const segment = new Uint8Array(bytes)
    const written: Array<Bytes> = []
    for (let at = 0; at < bytes;) {
      const first = this.#unsent[0]!
      const part = first.subarray(this.#sentOfFirst, this.#sentOfFirst + bytes - at)
      segment.set(part, at)
      at += part.length
      this.#sentOfFirst += part.length
      if (this.#sentOfFirst < first.length) break
      this.#unsent.shift()
      this.#sentOfFirst = 0
      written.push(first)
    }
    this.#unsentBytes -= bytes
    this.#far!.#expect(segment, this.#latencyMs())
    this.#pump()
    for (const one of written) this.#call(({ onWritten }) => onWritten?.(one))
    if (!this.#isAboveMark || this.#unsentBytes > DRAIN_BYTES) return
    this.#isAboveMark = false
    this.#call(({ onDrain }) => onDrain())
  }

  /** Something is on its way here. */
  #expect(segment: Segment, delayMs: Millis): void {
    this.#wire.push(segment)
    this.#arriveAt(Math.max(World.now(this.#world()) + delayMs, this.#lastArrivalAt))
  }

  #arriveAt(when: Millis): void {
    this.#lastArrivalAt = when
    World.at(this.#world(), when, () => this.#arrive())
  }

  /** What arrives first was sent first, whatever each of them has waited for. */
  #arrive(): void {
    const far = this.#far!
    const now = World.now(this.#world())
    if (this.#isGone) return this.#answerInVain()
    const releasedAt = Math.max(this.#stalledUntil, Network.cutUntil(far.#host, this.#host))
    if (releasedAt > now) return World.at(this.#world(), releasedAt, () => this.#arrive())
    const segment = this.#wire.shift()
    World.at(this.#world(), Network.download(this.#host, far.#host, segment?.length ?? 0), () => {
      if (this.#isGone) return
      if (segment === undefined) this.#isEndSeen = true
      else this.#inbox.push(segment)
      if (this.#isClosed) this.#forgetInbox()
      this.#deliver()
    })
  }

  /** A machine that is up says that it knows nothing of this connection. */
  #answerInVain(): void {
    const far = this.#far!
    if (!this.#host.isUp || far.#isGone) return
    World.after(this.#world(), this.#latencyMs(), () => far.#break("connection reset"))
  }

  #deliver(): void {
    if (this.#isGone || this.#isPaused || (this.#handlers === undefined && !this.#isClosed)) return
    if (this.#inbox.length > 0) {
      const bytes = this.#inbox.length === 1 ? this.#inbox[0]! : concat(this.#inbox)
      this.#forgetInbox()
      World.note(this.#world(), `${this.#name} reads ${Network.mark(bytes)}`)
      this.#call(({ onRead }) => onRead(bytes))
      // It may have been closed meanwhile, or paused.
      return this.#deliver()
    }
    if (!this.#isEndSeen || (this.#isClosed && !this.#isEndSent)) return
    World.note(this.#world(), `${this.#name} ends`)
    const wasClosed = this.#isClosed
    if (!this.#isEndSent) this.#far!.#expect(undefined, this.#latencyMs())
    this.#vanish()
    if (!wasClosed) this.#tell(({ onClose }) => onClose(undefined))
  }

  /** There is room for more. */
  #forgetInbox(): void {
    const far = this.#far
    let bytes = 0
    for (const part of this.#inbox) bytes += part.length
    this.#inbox = []
    if (far === undefined) return
    far.#flightBytes -= bytes
    far.#later(() => far.#pump())
  }

  #reset(reason: string): void {
    if (this.#isGone) return
    const far = this.#far!
    World.note(this.#world(), `${this.#name}: ${reason}`)
    const wasClosed = this.#isClosed
    const delayMs = this.#latencyMs()
    this.#vanish()
    World.at(this.#world(), Math.max(World.now(this.#world()) + delayMs, far.#lastArrivalAt), () => {
      far.#break("connection reset")
    })
    if (!wasClosed) this.#tell(({ onClose }) => onClose(reason))
  }

  /** Word has come that the other end is gone. */
  #break(reason: string): void {
    if (this.#isGone) return
    const until = Network.cutUntil(this.#far!.#host, this.#host)
    if (until > World.now(this.#world())) return World.at(this.#world(), until, () => this.#break(reason))
    World.note(this.#world(), `${this.#name}: ${reason}`)
    const wasClosed = this.#isClosed
    this.#vanish()
    if (!wasClosed) this.#tell(({ onClose }) => onClose(reason))
  }

  #vanish(): void {
    this.#isGone = true
    this.#host.ends.delete(this)
    this.#unsent.length = 0
    this.#unsentBytes = 0
    this.#inbox = []
    this.#wire = []
  }

  #call(tell: (handlers: ConnectionHandlers) => void): void {
    if (!this.#isClosed && !this.#isGone) this.#tell(tell)
  }

  #tell(tell: (handlers: ConnectionHandlers) => void): void {
    if (this.#handlers !== undefined && this.#process.isAlive) tell(this.#handlers)
  }
}
