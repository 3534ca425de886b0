// A node of npm's bittorrent-dht, and others that are only there to make the network larger; steered by lines of JSON on stdin and telling on stdout:
//   {"lookup": HASH}                  {"event": "peer", "infoHash", "peer"} as they come, then {"event": "done", "nodes"}
//   {"announce": HASH, "port": N}     {"event": "announced"} or {"event": "error", "message"}
//   {"put": TEXT}                     {"event": "put", "hash", "nodes"}; mutable with "seed" (32 bytes, hex), "seq", "salt"?
//   {"get": HASH, "salt"?}            {"event": "got", "value", "seq"}, null where nobody has it
//   {"size": true}                    {"event": "size", "nodes"}
// Arguments: the address to listen on, how many others, then HOST:PORT of nodes to begin with. Once all of them have
// entered, it prints {"event": "listening", "port", "others": [PORT, …]}.
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto"
import { createInterface } from "node:readline"
import DHT from "bittorrent-dht"

// What comes before the bare bytes of an Ed25519 key in its usual encodings (RFC 8410).
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex")
const SPKI = Buffer.from("302a300506032b6570032100", "hex")

const verified = (signature, message, publicKey) => {
  const key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: "der", type: "spki" })
  return verify(null, message, key, signature)
}

/** The fields of an item with an author. */
const authored = ({ seed, seq, salt }) => {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8, Buffer.from(seed, "hex")]),
    format: "der",
    type: "pkcs8",
  })
  const k = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(SPKI.length)
  return {
    k,
    seq,
    ...(salt === undefined ? {} : { salt: Buffer.from(salt) }),
    sign: (message) => sign(null, message, key),
  }
}

const [host, others, ...bootstrap] = process.argv.slice(2)
const say = (event, fields = {}) => console.log(JSON.stringify({ event, ...fields }))

/** A node that has entered the network. */
const enter = async (nodes) => {
  const dht = new DHT({ bootstrap: nodes, host, verify: verified })
  dht.on("error", ({ message }) => say("error", { message }))
  dht.on("warning", ({ message }) => say("warning", { message }))
  dht.listen(0, host)
  await new Promise((resolve) => dht.once("ready", resolve))
  return dht
}

const dht = await enter(bootstrap)
const { port } = dht.address()
const portOf = (other) => other.address().port
const bystanders = await Promise.all(Array.from({ length: Number(others) }, () => enter([`${host}:${port}`])))

dht.on(
  "peer",
  (peer, infoHash) => say("peer", { infoHash: infoHash.toString("hex"), peer: `${peer.host}:${peer.port}` }),
)

const told = (event, fields) => (error, value) =>
  error ? say("error", { message: error.message }) : say(event, fields(value))

const run = ({ announce, get, lookup, port: announced, put, salt, seed, seq, size }) => {
  if (lookup !== undefined) dht.lookup(lookup, told("done", (nodes) => ({ nodes })))
  if (announce !== undefined) dht.announce(announce, announced, told("announced", () => ({})))
  if (put !== undefined) {
    const item = { v: Buffer.from(put), ...(seed === undefined ? {} : authored({ seed, seq, salt })) }
    dht.put(
      item,
      (error, hash, nodes) =>
        error ? say("error", { message: error.message }) : say("put", { hash: hash.toString("hex"), nodes }),
    )
  }
  if (get !== undefined) {
    // not what it remembers itself
    const options = { cache: false, ...(salt === undefined ? {} : { salt: Buffer.from(salt) }) }
    dht.get(
      get,
      options,
      told("got", (item) => ({
        value: item === null ? null : Buffer.from(item.v).toString(),
        seq: item?.seq ?? null,
      })),
    )
  }
  if (size !== undefined) say("size", { nodes: dht.toJSON().nodes.length })
}

createInterface({ input: process.stdin }).on("line", (line) => run(JSON.parse(line)))
say("listening", { port, others: bystanders.map(portOf) })
