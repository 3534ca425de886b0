/**
 * A peer that seeds a torrent, honestly or in one of the ways that peers go wrong, and counts what it is asked for. The wire
 * protocol (BEP 3, 6, 10) is written here by hand, apart from shoal's own, so that a shared misreading can't hide.
 */
import { Buffer } from "node:buffer"
import { createServer, type Socket } from "node:net"
import type { AddressInfo } from "node:net"
import * as Bencode from "./Bencode.ts"
import * as Process from "./Process.ts"
import * as Torrents from "./Torrents.ts"

export interface Behaviour {
  /** What a connection gets first: a handshake, nothing ever, or bytes that are no handshake. */
  readonly greeting?: "handshake" | "silence" | "garbage" | "wrong-info-hash"
  /** After the handshake: the pieces and an unchoke, no further word, a message of 4 GiB, or random messages. */
  readonly opening?: "normal" | "silence" | "huge-message" | "garbage"
  /** Never unchokes. */
  readonly choke?: boolean
  /** What it does with requests: sends the block, ignores them, rejects them (BEP 6; needs `fast`). */
  readonly requests?: "serve" | "ignore" | "reject"
  /** Which blocks go out with wrong bytes. */
  readonly corrupt?: (pieceIndex: number, begin: number) => boolean
  /** Closes each connection after this many blocks. */
  readonly closeAfterBlocks?: number
  readonly rateBytesPerSec?: number
  /** The fast extension (BEP 6): on unless said otherwise; then "have all" instead of a bitfield. */
  readonly fast?: boolean
  /** The extension protocol (BEP 10), with this `reqq` in its handshake. */
  readonly reqq?: number
  /**
   * Offers the metadata (BEP 9), and gives it, with a wrong byte in each part, refuses it, never answers, claims 4 GiB or
   * 1.5 GB of it, or hangs up when it is asked.
   */
  readonly metadata?: "serve" | "wrong" | "reject" | "ignore" | "4 GiB" | "1.5 GB" | "hang-up"
  /** The pieces that it says it has; all unless given. */
  readonly pieces?: (pieceIndex: number) => boolean
}

export interface FakePeer {
  readonly address: string
  readonly port: number
  readonly stats: {
    /** Connections that sent a whole handshake for this torrent. */
    handshakes: number
    connections: number
    open: number
    blocksSent: number
    corruptBlocksSent: number
    /** By piece index: how many requests came, repeats included. */
    readonly requests: Map<number, number>
    /** By `piece:begin`: how many times the block was sent. */
    readonly sent: Map<string, number>
    /** The most requests that were neither answered nor cancelled at once, over all connections. */
    maxOutstanding: number
    /** Parts of the metadata that it was asked for, in the order of asking. */
    readonly metadata: Array<number>
    /** Hex of the reserved bytes of the last handshake. */
    reserved: string
    /** Requests outside the torrent, longer than 16 KiB, or sent while choked: what a good client never does. */
    readonly breaches: Array<string>
  }
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

const PROTOCOL = Buffer.from("\x13BitTorrent protocol", "latin1")
const BLOCK = 16 * 1024
const ID = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  haveAll: 14,
  reject: 16,
  extended: 20,
} as const

/** The number that it gives `ut_metadata`. */
const METADATA_ID = 5

const metadataSize = (metadata: NonNullable<Behaviour["metadata"]>, bytes: number): number =>
  metadata === "4 GiB" ? 2 ** 32 : metadata === "1.5 GB" ? 1_500_000_000 : bytes

interface Request {
  readonly piece: number
  readonly begin: number
  readonly length: number
}

/** Starts a peer for `torrent` on a free port of 127.0.0.1, by default an honest seeder. */
export const start = async (torrent: Torrents.TestTorrent, behaviour: Behaviour = {}): Promise<FakePeer> => {
  const payload = Torrents.payload(torrent)
  const stats: FakePeer["stats"] = {
    handshakes: 0,
    connections: 0,
    open: 0,
    blocksSent: 0,
    corruptBlocksSent: 0,
    requests: new Map(),
    sent: new Map(),
    maxOutstanding: 0,
    metadata: [],
    reserved: "",
    breaches: [],
  }
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    stats.connections++
    stats.open++
    socket.on("close", () => {
      sockets.delete(socket)
      stats.open--
    })
    // a reset is one way of hanging up
    socket.on("error", () => socket.destroy())
    serve(socket, torrent, behaviour, stats, payload.read)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    sockets.forEach((socket) => socket.destroy())
    await closed
    payload.close()
  }
  return { address: `127.0.0.1:${port}`, port, stats, stop, [Symbol.asyncDispose]: stop }
}

const serve = (
  socket: Socket,
  torrent: Torrents.TestTorrent,
  behaviour: Behaviour,
  stats: FakePeer["stats"],
  read: (offset: number, length: number) => Buffer,
): void => {
  const fast = behaviour.fast ?? true
  const info = behaviour.metadata === undefined ? Buffer.alloc(0) : Torrents.infoOf(torrent)
  let theirMetadataId = 0
  const queue: Array<Request> = []
  let input: Buffer = Buffer.alloc(0)
  let greeted = false
  let unchoked = false
  let sentHere = 0
  let timer: NodeJS.Timeout | undefined
  let draining = false
  socket.on("close", () => clearTimeout(timer))

  const send = (id: number, ...parts: ReadonlyArray<Buffer>): boolean => {
    const head = Buffer.alloc(5)
    head.writeUInt32BE(1 + parts.reduce((sum, part) => sum + part.length, 0))
    head[4] = id
    return socket.write(Buffer.concat([head, ...parts]))
  }

  const handshake = (infoHash: Buffer): void => {
    const reserved = Buffer.alloc(8)
    if (behaviour.reqq !== undefined || behaviour.metadata !== undefined) reserved[5]! |= 0x10
    if (fast) reserved[7]! |= 0x04
    const id = `-FK0001-${String(Math.random()).slice(2, 14).padEnd(12, "0")}`
    socket.write(Buffer.concat([PROTOCOL, reserved, infoHash, Buffer.from(id)]))
  }

  const open = (): void => {
    switch (behaviour.opening) {
      case "silence":
        return
      case "huge-message":
        return void socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff, ID.piece, 1, 2, 3]))
      case "garbage": {
        // well framed: a bitfield of the wrong size, an unknown id, an empty piece message, text
        send(ID.bitfield, Buffer.alloc(Math.ceil(torrent.pieceCount / 8) + 3, 0xff))
        send(99, Buffer.from("what is this?"))
        send(ID.piece)
        return void socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
      }
    }
    if (behaviour.reqq !== undefined || behaviour.metadata !== undefined) {
      send(
        ID.extended,
        Buffer.from([0]),
        Bencode.encode({
          m: behaviour.metadata === undefined ? {} : { ut_metadata: METADATA_ID },
          metadata_size: behaviour.metadata && metadataSize(behaviour.metadata, info.length),
          reqq: behaviour.reqq,
          v: "fake",
        }),
      )
    }
    if (fast && behaviour.pieces === undefined) send(ID.haveAll)
    else {
      const bits = Buffer.alloc(Math.ceil(torrent.pieceCount / 8))
      for (let i = 0; i < torrent.pieceCount; i++) {
        if (behaviour.pieces?.(i) ?? true) bits[i >> 3]! |= 0x80 >> (i & 7)
      }
      send(ID.bitfield, bits)
    }
  }

  const answerNext = (): void => {
    draining = false
    while (queue.length > 0 && !socket.destroyed) {
      if (socket.writableLength > 1 << 20) return void socket.once("drain", answerNext)
      const request = queue.shift()!
      sendBlock(request)
      if (behaviour.closeAfterBlocks !== undefined && sentHere >= behaviour.closeAfterBlocks) {
        return void socket.end()
      }
      if (behaviour.rateBytesPerSec !== undefined) {
        draining = true
        timer = setTimeout(answerNext, (request.length / behaviour.rateBytesPerSec) * 1000)
        return
      }
    }
  }

  const sendBlock = ({ piece, begin, length }: Request): void => {
    const block = read(piece * torrent.pieceLength + begin, length)
    if (behaviour.corrupt?.(piece, begin) === true) {
      block[0]! ^= 0xff
      block[length - 1]! ^= 0x55
      stats.corruptBlocksSent++
    }
    const head = Buffer.alloc(8)
    head.writeUInt32BE(piece)
    head.writeUInt32BE(begin, 4)
    send(ID.piece, head, block)
    sentHere++
    stats.blocksSent++
    const key = `${piece}:${begin}`
    stats.sent.set(key, (stats.sent.get(key) ?? 0) + 1)
  }

  const onRequest = (body: Buffer): void => {
    const request = { piece: body.readUInt32BE(0), begin: body.readUInt32BE(4), length: body.readUInt32BE(8) }
    const { piece, begin, length } = request
    const end = piece * torrent.pieceLength + begin + length
    const sane = length > 0 && length <= BLOCK && begin + length <= torrent.pieceLength &&
      piece < torrent.pieceCount && end <= torrent.totalLength
    if (!sane || !unchoked) {
      const why = sane ? "while choked" : "outside the torrent or too long"
      return void stats.breaches.push(`request ${piece}:${begin}+${length} ${why}`)
    }
    stats.requests.set(piece, (stats.requests.get(piece) ?? 0) + 1)
    if (behaviour.requests === "reject") return void send(ID.reject, body)
    queue.push(request)
    stats.maxOutstanding = Math.max(stats.maxOutstanding, queue.length)
    if (behaviour.requests !== "ignore" && !draining) {
      draining = true
      // after the whole read, so that requests sent together count as outstanding together
      setImmediate(answerNext)
    }
  }

  const onExtended = (body: Buffer): void => {
    if (body[0] === 0) {
      const { m } = Bencode.decode(body.subarray(1)) as { readonly m: Bencode.Dict }
      theirMetadataId = Number(m["ut_metadata"] ?? 0)
      return
    }
    if (body[0] !== METADATA_ID) return
    const { msg_type: type, piece } = Bencode.decode(body.subarray(1)) as Bencode.Dict
    const begin = Number(piece) * BLOCK
    if (type !== 0) return
    if (begin >= info.length) stats.breaches.push(`metadata part ${piece} does not exist`)
    stats.metadata.push(Number(piece))
    const answer = (head: Bencode.Input, part: Buffer = Buffer.alloc(0)) =>
      send(ID.extended, Buffer.from([theirMetadataId]), Bencode.encode(head), part)
    switch (behaviour.metadata) {
      case "serve":
      case "wrong": {
        const part = Buffer.from(info.subarray(begin, begin + BLOCK))
        if (behaviour.metadata === "wrong") part[part.length - 1]! ^= 1
        return void answer({ msg_type: 1, piece: Number(piece), total_size: info.length }, part)
      }
      case "reject":
        return void answer({ msg_type: 2, piece: Number(piece) })
      case "hang-up":
        return void socket.destroy()
    }
  }

  const onMessage = (id: number, body: Buffer): void => {
    if (behaviour.opening === "silence") return
    switch (id) {
      case ID.extended:
        return behaviour.metadata === undefined ? undefined : onExtended(body)
      case ID.interested:
        if (behaviour.choke === true || unchoked) return
        unchoked = true
        return void send(ID.unchoke)
      case ID.request:
        return onRequest(body)
      case ID.cancel: {
        const [piece, begin] = [body.readUInt32BE(0), body.readUInt32BE(4)]
        const at = queue.findIndex((request) => request.piece === piece && request.begin === begin)
        if (at >= 0) queue.splice(at, 1)
        if (at >= 0 && fast) send(ID.reject, body)
      }
    }
  }

  if (behaviour.greeting === "garbage") socket.write("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
  socket.on("data", (chunk: Buffer) => {
    if (behaviour.greeting === "silence" || behaviour.greeting === "garbage") return
    input = input.length === 0 ? chunk : Buffer.concat([input, chunk])
    if (!greeted) {
      if (input.length >= 20 && !input.subarray(0, 20).equals(PROTOCOL)) return void socket.destroy()
      if (input.length < 68) return
      greeted = true
      if (input.toString("hex", 28, 48) === torrent.infoHash) stats.handshakes++
      else stats.breaches.push(`handshake for ${input.toString("hex", 28, 48)}`)
      stats.reserved = input.toString("hex", 20, 28)
      if (behaviour.greeting === "wrong-info-hash") return handshake(Buffer.alloc(20, 7))
      handshake(Buffer.from(torrent.infoHash, "hex"))
      input = input.subarray(68)
      open()
    }
    let at = 0
    while (input.length - at >= 4) {
      const length = input.readUInt32BE(at)
      if (length > 1 << 20) stats.breaches.push(`message of ${length} bytes`)
      if (input.length - at < 4 + length) break
      if (length > 0) onMessage(input[at + 4]!, input.subarray(at + 5, at + 4 + length))
      at += 4 + length
    }
    input = input.subarray(at)
  })
}

/** How many different pieces were asked for. */
export const piecesRequested = (peer: FakePeer): number => peer.stats.requests.size

/** Waits until the peer has sent `count` blocks in all. */
export const sentBlocks = (peer: FakePeer, count: number, timeoutMs = 20_000): Promise<true> =>
  Process.until(
    `the fake peer sends ${count} blocks`,
    () => peer.stats.blocksSent >= count ? true : undefined,
    timeoutMs,
  )
