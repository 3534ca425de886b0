// What the pure core costs, without sockets and disks: nanoseconds of processor time an operation, the median of some
// rounds, the fastest and the slowest of them. Behind it, how many blocks a simulated swarm delivers a second.
//   node tests/bench/core.mjs [rounds] [part of a name]
import { register } from "node:module"
import process from "node:process"

register("./typescript.mjs", import.meta.url)
const core = (file) => import(new URL(`../../core/${file}.ts`, import.meta.url).href)
const Bitfield = await core("torrent/Bitfield")
const Bytes = await core("base/Bytes")
const Client = await core("client/Client")
const Decode = await core("bencode/Decode")
const Decoder = await core("wire/Decoder")
const Defaults = await core("sim/scenario/Defaults")
const Content = await core("sim/Content")
const Encode = await core("bencode/Encode")
const Encoder = await core("wire/Encoder")
const Geometry = await core("metainfo/Geometry")
const Message = await core("wire/Message")
const Picker = await core("torrent/Picker")
const Rng = await core("base/Rng")
const Server = await core("tracker/Server")
const State = await core("torrent/State")
const World = await core("sim/World")

const rounds = Number(process.argv[2] ?? 15)
const only = process.argv[3] ?? ""
/** Rounds in which the code is compiled: they don't count. */
const WARM_UP = 3
const BLOCK = 16_384
/** As a socket gives them. */
const READ_BYTES = 65_536
const PEERS = 50

const whole = (number) => Math.round(number).toLocaleString("en")

/** The costs of some rounds in nanoseconds; `run` does its work once and returns how many operations it was; `prepare` is not measured. */
const costs = (count, warmUp, prepare, run) => {
  const found = []
  for (let round = -warmUp; round < count; round++) {
    const subject = prepare()
    const startedAt = process.cpuUsage()
    const operations = run(subject)
    // Not by the clock on the wall: on a busy machine only the process's own time means anything.
    const { system, user } = process.cpuUsage(startedAt)
    if (!(operations > 0)) throw new Error("nothing was done")
    if (round >= 0) found.push((system + user) * 1_000 / operations)
  }
  return found.sort((a, b) => a - b)
}

/** Prints what an operation takes, or, if it has so many `bytes`, how many megabytes a second that is. */
const measure = (name, prepare, run, { bytes, count = rounds, warmUp = WARM_UP } = {}) => {
  if (!name.includes(only)) return
  const found = costs(count, warmUp, prepare, run)
  const shown = (cost) => whole(bytes === undefined ? cost : bytes * 1_000 / cost)
  const unit = bytes === undefined ? "ns  " : "MB/s"
  const [median, first, last] = [found[found.length >> 1], found[0], found[found.length - 1]].map(shown)
  process.stdout.write(`${name.padEnd(60)}${median.padStart(9)} ${unit}   ${first} … ${last}\n`)
}

const metainfoOf = (mib, pieceKib) =>
  Content.make(Defaults.scenario({ sizeBytes: mib * 2 ** 20, pieceBytes: pieceKib * 1024 })).metainfo

/** All that `says` writes, as one read. */
const said = (says) => {
  const encoder = Encoder.make()
  says(encoder)
  return Encoder.take(encoder)
}

/** The first bytes of a stream: the handshake of a peer with the fast extension. */
const hello = (metainfo, index) => (encoder) =>
  Encoder.handshake(encoder, {
    infoHash: metainfo.infoHashBytes,
    peerId: Bytes.latin1(`-XX0000-${String(index).padStart(12, "0")}`),
    features: { fast: true, extended: false, dht: false },
  })

/** A client with one torrent, and the sink of its commands. */
class Scene {
  now = 0
  constructor(metainfo, have) {
    this.metainfo = metainfo
    this.client = Client.make({
      peerId: Bytes.latin1("-SH0000-mmmmmmmmmmmm"),
      port: 1,
      key: 1,
      clientName: "bench",
    }, 0)
    const options = { ...State.defaults, have, seed: 1 }
    this.input({ _tag: "Add", now: 0, torrent: 1, metainfo, options })
  }
  input(input) {
    const [client, commands] = Client.step(this.client, input)
    this.client = client
    Client.nextWake(client)
    return commands
  }
  /** A peer has connected to us, and says this first. */
  join(index, says) {
    const conn = -1 - index
    // Each in a network of its own: of one network few are let in.
    const address = { host: `80.${index >> 8}.${index & 255}.1`, port: 2_000 }
    this.input({ _tag: "ConnAccepted", now: this.now, conn, address })
    return this.read(
      conn,
      said((encoder) => {
        hello(this.metainfo, index)(encoder)
        says(encoder)
      }),
    )
  }
  read(conn, bytes) {
    return this.input({ _tag: "ConnRead", now: this.now, conn, bytes })
  }
}

const codec = () => {
  const greeting = said(hello(metainfoOf(1, 16), 1))
  const decoder = () => {
    const decoder = Decoder.make({ maxMessageBytes: 100_000 })
    Decoder.decode(decoder, greeting)
    return decoder
  }
  const have = said((encoder) => Encoder.have(encoder, 7))
  measure("decoder, a HAVE a read", decoder, (decoder) => {
    for (let i = 0; i < 100_000; i++) Decoder.decode(decoder, have)
    return 100_000
  })
  const block = new Uint8Array(BLOCK)
  const stream = said((encoder) => {
    for (let i = 0; i < 1_024; i++) Encoder.piece(encoder, i >> 4, (i & 15) * BLOCK, block)
  })
  measure("decoder, a block, in reads of 64 KiB", decoder, (decoder) => {
    for (let at = 0; at < stream.length; at += READ_BYTES) {
      Decoder.decode(decoder, stream.subarray(at, at + READ_BYTES))
    }
    return 1_024
  })
  measure("encoder, a HAVE a write", Encoder.make, (encoder) => {
    for (let i = 0; i < 100_000; i++) {
      Encoder.have(encoder, i)
      Encoder.takeChunks(encoder)
    }
    return 100_000
  })
  measure("encoder, a request, eight a write", Encoder.make, (encoder) => {
    for (let i = 0; i < 100_000; i++) {
      Encoder.request(encoder, i, 0, BLOCK)
      if (i % 8 === 7) Encoder.takeChunks(encoder)
    }
    return 100_000
  })
}

const picker = () => {
  const { geometry } = metainfoOf(500, 256)
  const { pieceCount } = geometry
  const prepare = () => {
    const rng = Rng.make(1)
    const picker = Picker.make(geometry, {
      have: Bitfield.make(pieceCount),
      wanted: Bitfield.full(pieceCount),
      strategy: "rarest",
      rng,
    })
    const peers = []
    for (let peer = 1; peer <= PEERS; peer++) {
      const has = Bitfield.make(pieceCount)
      for (let piece = 0; piece < pieceCount; piece++) if (Rng.below(rng, 2) === 0) Bitfield.set(has, piece)
      Picker.addPeer(picker, has)
      peers.push({ peer, has, count: 4, isExclusive: false, mayTakeOver: false, mayDuplicate: false })
    }
    return { picker, peers, rng }
  }
  measure("picker, 64 blocks picked, 50 peers, 2,000 pieces", prepare, ({ picker, peers, rng }) => {
    for (let i = 0; i < 2_000; i++) Picker.pick(picker, { ...peers[i % PEERS], count: 64 }, rng)
    return 2_000
  })
  measure("picker, a block picked, asked for and received", prepare, ({ picker, peers, rng }) => {
    let blocks = 0
    for (let idle = 0; idle < PEERS;) {
      for (const context of peers) {
        const picked = Picker.pick(picker, context, rng)
        idle = picked.length === 0 ? idle + 1 : 0
        for (const block of picked) Picker.requested(picker, block, context.peer, false)
        for (const block of picked) {
          Picker.received(picker, block, context.peer)
          const piece = Geometry.blockPiece(geometry, block)
          if (Picker.isComplete(picker, piece)) Picker.verified(picker, piece)
        }
        blocks += picked.length
      }
    }
    return blocks
  })
}

/** The places of all blocks that are asked for among these messages, piece and begin by turns. */
const readRequests = (chunk, into) => {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
  for (let at = 0; at < chunk.length; at += 4 + view.getUint32(at)) {
    if (chunk[at + 4] === Message.REQUEST) into.push(view.getUint32(at + 5), view.getUint32(at + 9))
  }
}

/**
 * One seed sends as fast as we ask, so many bytes a read; the disk answers at once. All inputs that a block brings are
 * counted for it.
 */
const download = (others, what, readBytes) => {
  const metainfo = metainfoOf(512, 256)
  const { geometry } = metainfo
  const prepare = () => {
    const scene = new Scene(metainfo, Bitfield.make(geometry.pieceCount))
    for (let i = 1; i <= others; i++) scene.join(i, Encoder.haveNone)
    const first = scene.join(0, (encoder) => {
      Encoder.haveAll(encoder)
      Encoder.unchoke(encoder)
    })
    return { scene, first }
  }
  // Some blocks as they come in, of which only the places are written anew.
  const batch = Math.max(1, Math.round(readBytes / BLOCK))
  const stream = said((encoder) => {
    for (let i = 0; i < batch; i++) Encoder.piece(encoder, 0, 0, new Uint8Array(BLOCK))
  })
  const places = new DataView(stream.buffer)
  const blockBytes = stream.length / batch
  /** The reads that bring so many blocks. */
  const readsOf = Array.from({ length: batch + 1 }, (_, count) => {
    const all = stream.subarray(0, blockBytes * count)
    if (batch > 1) return [all]
    return Array.from({ length: Math.ceil(all.length / readBytes) }, (_, i) => {
      return all.subarray(i * readBytes, Math.min(all.length, (i + 1) * readBytes))
    })
  })
  measure(`step, a block downloaded${what}, ${others} other peers`, prepare, ({ first, scene }) => {
    const requests = []
    const carryOut = (commands) => {
      let written
      for (const command of commands) {
        if (command._tag === "Send" && command.conn === -1) {
          for (const chunk of command.chunks) readRequests(chunk, requests)
        } else if (command._tag === "Write") {
          const { bytes, piece } = command
          const last = written?.at(-1)
          if (last?.piece === piece) last.bytes += bytes.length
          else {
            written ??= []
            written.push({ _tag: "Written", torrent: 1, now: scene.now, piece, bytes: bytes.length })
          }
        } else if (command._tag === "Hash") {
          const { piece } = command
          const digest = metainfo.pieceHashes.subarray(piece * 20, piece * 20 + 20)
          carryOut(scene.input({ _tag: "PieceHashed", torrent: 1, now: scene.now, piece, digest }))
        }
      }
      if (written !== undefined) { for (const input of written) carryOut(scene.input(input)) }
    }
    // Behind our handshake.
    carryOut(
      first.map((command) =>
        command._tag === "Send"
          ? { ...command, chunks: command.chunks.map((chunk) => chunk.subarray(68)) }
          : command
      ),
    )
    let blocks = 0
    // At first fewer are asked for than a read may bring.
    for (let count; (count = Math.min(batch, requests.length / 2 - blocks)) > 0; blocks += count) {
      for (let i = 0; i < count; i++) {
        places.setUint32(i * blockBytes + 5, requests[(blocks + i) * 2])
        places.setUint32(i * blockBytes + 9, requests[(blocks + i) * 2 + 1])
      }
      const reads = readsOf[count]
      for (const read of reads) {
        scene.now += 0.5 / reads.length
        carryOut(scene.read(-1, read))
      }
    }
    return blocks
  })
}

/** Leechers that choke us tell of one piece after the other, each in a read of its own. */
const haves = (have, what) => {
  const metainfo = metainfoOf(256, 128)
  const { pieceCount } = metainfo.geometry
  const messages = Array.from(
    { length: pieceCount },
    (_, piece) => said((encoder) => Encoder.have(encoder, piece)),
  )
  const prepare = () => {
    const scene = new Scene(metainfo, have(pieceCount))
    for (let i = 0; i < PEERS; i++) scene.join(i, Encoder.haveNone)
    return scene
  }
  measure(`step, a HAVE of ${what}`, prepare, (scene) => {
    for (let i = 0; i < pieceCount - 1; i++) {
      for (let peer = 0; peer < PEERS; peer++) {
        scene.now += 0.01
        scene.read(-1 - peer, messages[(i + peer) % pieceCount])
      }
    }
    return (pieceCount - 1) * PEERS
  })
}

/** One peer asks for eight blocks a read; the disk answers at once. All inputs that a block brings are counted for it. */
const upload = () => {
  const metainfo = metainfoOf(512, 256)
  const { geometry } = metainfo
  const block = new Uint8Array(BLOCK)
  const count = geometry.totalBytes / BLOCK
  const reads = []
  for (let i = 0; i < count; i += 8) {
    reads.push(said((encoder) => {
      for (let k = i; k < i + 8; k++) Encoder.request(encoder, k >> 4, (k & 15) * BLOCK, BLOCK)
    }))
  }
  const prepare = () => {
    const scene = new Scene(metainfo, Bitfield.full(geometry.pieceCount))
    for (let i = 0; i < PEERS; i++) {
      scene.join(i, (encoder) => (Encoder.haveNone(encoder), Encoder.interested(encoder)))
    }
    return scene
  }
  measure(`step, a block uploaded, one of ${PEERS} peers`, prepare, (scene) => {
    let blocks = 0
    for (const bytes of reads) {
      scene.now += 0.5
      for (const { _tag, begin, conn, piece } of scene.read(-1, bytes)) {
        if (_tag !== "Read") continue
        scene.input({ _tag: "BlockRead", torrent: 1, now: scene.now, conn, piece, begin, bytes: block })
        blocks++
      }
    }
    return blocks
  })
}

/** A torrent of 10,000 files as it is read, and an answer of a tracker, in dictionaries, as it is written. */
const bencode = () => {
  const files = Array.from(
    { length: 10_000 },
    (_, i) => ({ length: i * 1_000, path: ["a folder", `file ${i}.bin`] }),
  )
  const info = { files, name: "bench", "piece length": 2 ** 20, pieces: new Uint8Array(200_000) }
  const torrent = Encode.encode({ announce: "http://tracker.example/announce", info })
  measure("bencode, a torrent of 10,000 files decoded", () => torrent, (bytes) => {
    for (let i = 0; i < 10; i++) Decode.decode(bytes)
    return 10 * bytes.length
  }, { bytes: 1 })
}

/** One swarm of 1,000 peers, who announce again and again and get 50 others each time. */
const tracker = () => {
  const limits = { newSwarmsPerAddress: Infinity, newPeersPerAddress: Infinity }
  const rng = Rng.make(1)
  const queries = Array.from({ length: 1_000 }, () => ({
    infoHash: new Uint8Array(20).fill(1),
    peerId: new Uint8Array(20),
    ip: Rng.fill(rng, new Uint8Array(4)),
    port: 6881,
    leftBytes: 1,
    event: undefined,
    numWant: 50,
  }))
  const prepare = () => {
    const server = Server.make({ now: 0, seed: 1, secret: new Uint8Array(16), limits })
    for (const query of queries) Server.announce(server, 0, query, false)
    return server
  }
  measure("tracker, an announce to a swarm of 1,000, 50 wanted", prepare, (server) => {
    for (let i = 0; i < 20_000; i++) Server.announce(server, 0, queries[i % queries.length], false)
    return 20_000
  })
}

/** A whole swarm, joining and leaving included; a block counts when it has been delivered. */
const simulator = () => {
  const peers = 60
  const base = Defaults.scenario({ seed: 42, sizeBytes: 32 * 2 ** 20 })
  const classes = base.classes.map((one) => one.role === "leecher" ? { ...one, count: peers } : one)
  const prepare = () => World.make({ ...base, classes }, [])
  measure(`simulator, a block delivered, ${peers} peers × 32 MiB`, prepare, (world) => {
    while (!World.isOver(world)) World.run(world, { events: 100_000 })
    return World.view(world).deliveries
  }, { count: Math.ceil(rounds / 5), warmUp: 0 })
}

codec()
picker()
download(0, "", READ_BYTES)
download(0, ", 8 a read", 8 * BLOCK)
download(0, ", 20 reads each", Math.ceil((BLOCK + 13) / 20))
download(PEERS - 1, "", READ_BYTES)
haves((count) => Bitfield.make(count), "a piece that we lack")
haves((count) => {
  const bits = Bitfield.full(count)
  Bitfield.clear(bits, 0)
  return bits
}, "a piece that we have")
upload()
bencode()
tracker()
simulator()
