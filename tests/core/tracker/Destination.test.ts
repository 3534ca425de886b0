import { describe, expect, it } from "@effect/vitest"
import * as Destination from "../../../core/tracker/Destination.ts"

/** As the shell does it: the standard's parser normalises the host first. */
const placeOf = (url: string): Destination.Place => {
  const { hostname, pathname } = new URL(url)
  return { host: hostname, path: pathname }
}

describe("reach", () => {
  it.each([
    ["127.0.0.1", "machine"],
    ["127.255.1.2", "machine"],
    ["2130706433", "machine"],
    ["0x7f.1", "machine"],
    ["0177.0.0.1", "machine"],
    ["0.0.0.0", "machine"],
    ["169.254.169.254", "machine"],
    ["localhost", "machine"],
    ["LOCALHOST.", "machine"],
    ["a.localhost", "machine"],
    ["[::1]", "machine"],
    ["[::]", "machine"],
    ["[::ffff:127.0.0.1]", "machine"],
    ["[::127.0.0.1]", "machine"],
    ["[fe80::1]", "machine"],
    ["[febf::1]", "machine"],
    ["10.1.2.3", "network"],
    ["172.16.0.1", "network"],
    ["172.31.255.255", "network"],
    ["192.168.1.1", "network"],
    ["100.64.0.1", "network"],
    ["[fd00::1]", "network"],
    ["[::ffff:10.0.0.1]", "network"],
    ["router", "network"],
    ["nas.local", "network"],
    ["tracker.example.org", "global"],
    ["localhost.example.org", "global"],
    ["172.32.0.1", "global"],
    ["192.169.0.1", "global"],
    ["100.128.0.1", "global"],
    ["8.8.8.8", "global"],
    ["[2001:db8::1]", "global"],
    ["[::ffff:8.8.8.8]", "global"],
    ["[fec0::1]", "global"],
  ])("of %s is the %s", (host, reach) => {
    expect(Destination.reach(placeOf(`http://${host}/`).host)).toBe(reach)
  })
})

describe("an objection", () => {
  it.each([
    "http://127.0.0.1:9091/transmission/rpc",
    "http://[::1]/x",
    "http://169.254.169.254/latest/meta-data",
    "http://localhost/x/../reboot",
    "http://localhost/?/announce",
  ])("is raised to %s", (url) => {
    expect(Destination.objection(placeOf(url))).toMatch(/must have a path that starts with \/announce/)
  })

  it.each([
    "http://127.0.0.1:6969/announce",
    "http://localhost/announce.php",
    "http://localhost/scrape?info_hash=x",
    "http://192.168.1.2/x/announce",
    "http://tracker.example.org/x",
  ])("is not raised to %s", (url) => expect(Destination.objection(placeOf(url))).toBeUndefined())

  it.each([
    ["http://tracker.example.org/announce", "http://192.168.1.1/announce", /local network/],
    ["http://tracker.example.org/announce", "http://127.0.0.1/announce", /this machine/],
    ["http://192.168.1.2/announce", "http://localhost/announce", /this machine/],
    ["http://192.168.1.2/announce", "http://10.0.0.1/announce", undefined],
    ["http://127.0.0.1/announce", "http://127.0.0.1:81/announce", undefined],
    ["http://127.0.0.1/announce", "http://tracker.example.org/", undefined],
  ])("to a redirect from %s to %s is %s", (from, to, objection) => {
    const found = Destination.objection(placeOf(to), placeOf(from))
    if (objection === undefined) expect(found).toBeUndefined()
    else expect(found).toMatch(objection)
  })
})
