/**
 * A network of DHT nodes on virtual time, without sockets: what they send arrives after a latency, or not at all.
 */
import * as Address from "../../core/base/Address.ts"
import * as Digest from "../../core/base/Digest.ts"
import * as Rng from "../../core/base/Rng.ts"
import type { Command } from "../../core/dht/Command.ts"
import type { Family } from "../../core/dht/Compact.ts"
import type { Event } from "../../core/dht/Event.ts"
import type { Input } from "../../core/dht/Input.ts"
import * as Node from "../../core/dht/Node.ts"

export interface Options {
  readonly seed?: number
  /** One way. */
  readonly latencyMs?: readonly [least: number, most: number]
  /** 0 to 1, of the packets. */
  readonly loss?: number
  /** Ticks that nobody asked for, between any two inputs. */
  readonly spuriousTicks?: boolean
  /** Keeps journals, and digests of all commands. */
  readonly isRecorded?: boolean
  /** What becomes of `Verify`; absent: all signatures are good that don't begin with 0. */
  readonly verify?: (signature: Uint8Array) => boolean
}

export interface Member {
  readonly address: Address.Address
  node: Node.Node
  readonly events: Array<Event>
  readonly journal: Array<Input>
  readonly digest: Digest.Digest
  /** Takes part no more: nothing reaches it, nothing leaves. */
  isGone: boolean
  /** When the tick that is on its way comes. */
  tickAt: number
}

/** Somebody who is no node of ours: gets what is sent to it. */
export type Stranger = (from: Address.Address, bytes: Uint8Array, net: DhtNet) => void

/** An address in a network of its own, so that no two nodes are of one customer. */
export const addressOf = (index: number, family: Family = "ipv4"): Address.Address => {
  // 2,654,435,761 is odd: all of the first 65,536 are different, and neighbours are far from each other.
  const spread = Math.imul(index + 1, 40_503) & 0xffff
  return family === "ipv4"
    ? { host: `${20 + (spread >> 9)}.${spread & 255}.${(spread >> 3) & 255}.7`, port: 6_881 }
    : { host: `2a0${spread & 7}:${(spread + 1).toString(16)}::${(index + 1).toString(16)}`, port: 6_881 }
}

export class DhtNet {
  now = 0
  packets = 0
  readonly members: Array<Member> = []
  /** Every datagram, while somebody listens. */
  onSend: ((from: Address.Address, to: Address.Address, bytes: Uint8Array) => void) | undefined
  readonly #options: Options
  readonly #rng: Rng.Rng
  readonly #byAddress = new Map<string, Member>()
  readonly #strangers = new Map<string, Stranger>()
  readonly #queue = new Queue()

  constructor(options: Options = {}) {
    this.#options = options
    this.#rng = Rng.make(options.seed ?? 1)
  }

  /** A node at an address; its options are as usual but for what is given. */
  add(address: Address.Address, options: Partial<Node.Options> = {}): Member {
    const given: Node.Options = {
      id: undefined,
      seed: Rng.next(this.#rng),
      isReadOnly: false,
      families: [address.host.includes(":") ? "ipv6" : "ipv4"],
      bootstrap: [],
      saved: [],
      ...options,
    }
    const member: Member = {
      address,
      node: Node.make(given, this.now),
      events: [],
      journal: [],
      digest: Digest.make(),
      isGone: false,
      tickAt: Infinity,
    }
    this.members.push(member)
    this.#byAddress.set(Address.format(address), member)
    this.#arm(member)
    return member
  }

  /** Gives a member one more address: a node in both DHTs has two. */
  alias(member: Member, address: Address.Address): void {
    this.#byAddress.set(Address.format(address), member)
  }

  /** Nodes at addresses of their own, each knowing the first, which knows nobody. */
  addMany(count: number, options: Partial<Node.Options> = {}): void {
    for (let i = 0; i < count; i++) {
      const first = this.members[0]
      this.add(addressOf(this.members.length), {
        bootstrap: first === undefined ? [] : [first.address],
        ...options,
      })
    }
  }

  stranger(address: Address.Address, stranger: Stranger): void {
    this.#strangers.set(Address.format(address), stranger)
  }

  /** A datagram from anywhere to a node, at once. */
  inject(to: Member, from: Address.Address, bytes: Uint8Array): void {
    this.input(to, { _tag: "Packet", now: this.now, from, bytes })
  }

  /** Tells a node something and carries out what it asks for. */
  input(member: Member, input: Input): void {
    if (member.isGone) return
    if (this.#options.spuriousTicks === true && input._tag !== "Tick") {
      this.#step(member, { _tag: "Tick", now: this.now })
    }
    if (this.#options.isRecorded === true) member.journal.push(input)
    this.#step(member, input)
    this.#arm(member)
  }

  /** Goes on until a time, or until `isDone` says so; false if it never did. */
  run(untilMs: number, isDone: () => boolean = () => false): boolean {
    while (!isDone()) {
      const at = this.#queue.nextAt
      if (at > untilMs) {
        this.now = untilMs
        return isDone()
      }
      this.now = Math.max(this.now, at)
      this.#queue.pop()()
    }
    return true
  }

  /** Goes on until a node has told this, for a minute at most. */
  until<Tag extends Event["_tag"]>(
    member: Member,
    tag: Tag,
    patienceMs = 60_000,
  ): Extract<Event, { readonly _tag: Tag }> {
    const find = () =>
      member.events.find((event): event is Extract<Event, { readonly _tag: Tag }> => event._tag === tag)
    this.run(this.now + patienceMs, () => find() !== undefined)
    const event = find()
    if (event === undefined) throw new Error(`no ${tag} within ${patienceMs} ms`)
    return event
  }

  #step(member: Member, input: Input): void {
    const [node, commands] = Node.step(member.node, input)
    member.node = node
    for (const command of commands) {
      if (this.#options.isRecorded === true) Digest.add(member.digest, command)
      this.#execute(member, command)
    }
  }

  #execute(member: Member, command: Command): void {
    switch (command._tag) {
      case "Emit":
        member.events.push(command.event)
        return
      case "Send": {
        const { bytes, to } = command
        const from = this.#sourceOf(member, to)
        this.packets++
        this.onSend?.(from, to, bytes)
        const { latencyMs: [least, most] = [20, 80], loss = 0 } = this.#options
        // Drawn for every packet, so that a loss moves no other latency.
        const latency = least + Rng.below(this.#rng, most - least + 1)
        const isLost = Rng.next(this.#rng) / 2 ** 32 < loss
        if (isLost) return
        this.#queue.push(this.now + latency, () => this.#deliver(from, to, bytes))
        return
      }
      case "Verify": {
        const { signature, verification } = command
        const isValid = this.#options.verify?.(signature) ?? signature[0] !== 0
        this.#queue.push(
          this.now + 1,
          () => this.input(member, { _tag: "Verified", now: this.now, verification, isValid }),
        )
      }
    }
  }

  #deliver(from: Address.Address, to: Address.Address, bytes: Uint8Array): void {
    const key = Address.format(to)
    const member = this.#byAddress.get(key)
    if (member !== undefined) this.input(member, { _tag: "Packet", now: this.now, from, bytes })
    else this.#strangers.get(key)?.(from, bytes, this)
  }

  #sourceOf(member: Member, to: Address.Address): Address.Address {
    if (member.address.host.includes(":") === to.host.includes(":")) return member.address
    for (const [key, other] of this.#byAddress) {
      const address = Address.parse(key)!
      if (other === member && address.host.includes(":") === to.host.includes(":")) return address
    }
    return member.address
  }

  #arm(member: Member): void {
    const at = Math.max(this.now, Node.nextWake(member.node))
    if (at === Infinity || at >= member.tickAt) return
    member.tickAt = at
    this.#queue.push(at, () => {
      if (member.tickAt !== at) return
      member.tickAt = Infinity
      // What it was armed for may have been done meanwhile.
      if (Node.nextWake(member.node) <= this.now) this.input(member, { _tag: "Tick", now: this.now })
      else this.#arm(member)
    })
  }
}

/** A binary heap, ordered by time and then by the order of asking. */
class Queue {
  readonly #entries: Array<{ readonly at: number; readonly order: number; readonly run: () => void }> = []
  #order = 0

  get nextAt(): number {
    return this.#entries[0]?.at ?? Infinity
  }

  push(at: number, run: () => void): void {
    const entries = this.#entries
    const entry = { at, order: this.#order++, run }
    let slot = entries.length
    entries.push(entry)
    while (slot > 0) {
      const parent = (slot - 1) >> 1
      if (!isBefore(entry, entries[parent]!)) break
      entries[slot] = entries[parent]!
      slot = parent
    }
    entries[slot] = entry
  }

  pop(): () => void {
    const entries = this.#entries
    const first = entries[0]!
    const last = entries.pop()!
    if (entries.length > 0) {
      let slot = 0
      for (;;) {
        let child = slot * 2 + 1
        if (child >= entries.length) break
        if (child + 1 < entries.length && isBefore(entries[child + 1]!, entries[child]!)) child++
        if (!isBefore(entries[child]!, last)) break
        entries[slot] = entries[child]!
        slot = child
      }
      entries[slot] = last
    }
    return first.run
  }
}

const isBefore = (
  a: { readonly at: number; readonly order: number },
  b: { readonly at: number; readonly order: number },
): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
