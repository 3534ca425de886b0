// npm's bittorrent-tracker as a server over HTTP and UDP, as its own command line starts it; not by its main file, which
// also loads its client and that a native library. Prints its ports.
import Server from "bittorrent-tracker/server"

const server = new Server({ udp: true, http: true, ws: false, stats: false })
// what it says of bad requests
server.on("warning", () => {})
server.on("error", (error) => {
  console.error(error)
  process.exit(1)
})
server.listen(0, { http: "127.0.0.1", udp: "127.0.0.1", udp6: "::1" }, () => {
  console.log(`ports ${server.http.address().port} ${server.udp4.address().port}`)
})
