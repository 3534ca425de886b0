// WebTorrent without trackers, DHT, PEX, local discovery, uTP and port mapping: `leech TORRENT DIR PEER…` or `seed TORRENT DIR`.
import { readFileSync } from "node:fs"
import { register } from "node:module"
import process from "node:process"

// WebRTC, which is not wanted, would load a native library, which is not built.
const NONE =
  "data:text/javascript,export const RTCPeerConnection = 0, RTCSessionDescription = 0, RTCIceCandidate = 0"
const hook = `export const resolve = (name, context, next) =>
  name === "webrtc-polyfill" ? { url: ${JSON.stringify(NONE)}, shortCircuit: true } : next(name, context)`
register(`data:text/javascript,${encodeURIComponent(hook)}`)
const { default: WebTorrent } = await import("webtorrent")

const [mode, file, path, ...peers] = process.argv.slice(2)
const client = new WebTorrent({
  ...{ tracker: false, dht: false, lsd: false, utPex: false, utp: false, natUpnp: false, natPmp: false },
  torrentPort: 0,
})
client.on("error", (error) => {
  console.error(error)
  process.exit(1)
})
const torrent = client.add(readFileSync(file), { path, skipVerify: false, announce: [] })
if (mode === "leech") {
  torrent.on("infoHash", () => peers.forEach((peer) => torrent.addPeer(peer)))
  torrent.on("done", () => client.destroy(() => process.exit(0)))
} else {
  torrent.on("done", () => console.log(`listening ${client.torrentPort}`))
}
