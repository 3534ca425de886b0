import { describe, expect, it } from "@effect/vitest"
import * as Destination from "../../../core/tracker/Destination.ts"

describe("reach", () => {
  it.each([
    ["127.0.0.1", "machine"],
    ["127.255.1.2", "machine"],
    ["2130706433", "machine"],
    ["0x7f.1", "machine"],
    ["0177.0.0.1", "machine"],
    ["0.0.0.0", "machine"],
    ["169.254.169.254", "never"],
    ["100.100.100.200", "never"],
    ["224.0.0.251", "never"],
    ["255.255.255.255", "never"],
    ["[fd00:ec2::254]", "never"],
    ["[ff02::1]", "never"],
    ["[64:ff9b::169.254.169.254]", "never"],
    ["localhost", "machine"],
    ["LOCALHOST.", "machine"],
    ["a.localhost", "machine"],
    ["[::1]", "machine"],
    ["[::]", "machine"],
    ["[::ffff:127.0.0.1]", "machine"],
    ["[::127.0.0.1]", "machine"],
    ["[fe80::1]", "never"],
    ["[febf::1]", "never"],
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
    ["[2606:4700::1111]", "global"],
    ["[64:ff9b::8.8.8.8]", "global"],
    ["[2002:808:808::1]", "global"],
    ["[64:ff9b::127.0.0.1]", "machine"],
    ["[64:ff9b:1::8.8.8.8]", "network"],
    ["[2002:7f00:1::]", "machine"],
    ["[2002:a00:1::]", "network"],
    ["[::ffff:0:127.0.0.1]", "machine"],
    ["[2001:db8::1]", "network"],
    ["[2001:0:1::1]", "network"],
    ["[3fff::1]", "network"],
    ["[100::1]", "network"],
    ["192.0.2.1", "network"],
    ["198.18.0.1", "network"],
    ["203.0.113.7", "network"],
    ["[::ffff:8.8.8.8]", "global"],
    ["[fec0::1]", "network"],
  ])("of %s is the %s", (host, reach) => {
    // As the shell does it: the standard's parser normalises the host first.
    expect(Destination.reach(new URL(`http://${host}/`).hostname)).toBe(reach)
  })
})

/** The objection to a URL of a torrent, or to a redirect from one. */
const objectionTo = (url: string, from?: string, isTyped = false): string | undefined => {
  const { hostname, pathname, search } = new URL(url)
  return Destination.objection(Destination.reach(hostname), {
    path: pathname,
    query: search.slice(1),
    from: from === undefined ? undefined : Destination.reach(new URL(from).hostname),
    isTyped,
  })
}

describe("an objection", () => {
  it.each([
    "http://127.0.0.1:9091/transmission/rpc",
    "http://[::1]/x",
    "http://localhost/x/../reboot",
    "http://localhost/?/announce",
    "http://192.168.1.2/x/announce",
    "http://router/cgi-bin/reboot",
  ])("is raised to %s", (url) => {
    expect(objectionTo(url)).toMatch(/must have a path that starts with \/announce/)
  })

  it.each([
    "http://127.0.0.1:6969/announce",
    "http://localhost/announce.php",
    "http://localhost/scrape?passkey=x",
    "http://192.168.1.2/announce/key",
    "http://tracker.example.org/x",
    "http://tracker.example.org/x?info_hash=y&event=stopped",
  ])("is not raised to %s", (url) => expect(objectionTo(url)).toBeUndefined())

  it.each(["info_hash=x", "a=b&EVENT=stopped", "%69nfo_hash=x", "port"])(
    "is raised to what we would add ourselves: %s",
    (query) => {
      expect(objectionTo(`http://127.0.0.1/announce?${query}`)).toMatch(/must not have '\w+' in its URL/)
      expect(objectionTo(`http://127.0.0.1/announce?${query}`, "http://127.0.0.1/announce")).toBeUndefined()
    },
  )

  it.each(["http://169.254.169.254/announce", "http://[fe80::1]/announce", "http://239.1.2.3/announce"])(
    "is always raised to %s",
    (url) => expect(objectionTo(url)).toMatch(/no tracker is at a link-local or a multicast address/),
  )

  it.each([
    ["http://tracker.example.org/announce", "http://192.168.1.1/announce", /local network/],
    ["http://tracker.example.org/announce", "http://127.0.0.1/announce", /this machine/],
    ["http://192.168.1.2/announce", "http://localhost/announce", /this machine/],
    ["http://192.168.1.2/announce", "http://10.0.0.1/announce", undefined],
    ["http://127.0.0.1/announce", "http://127.0.0.1:81/announce", undefined],
    ["http://127.0.0.1/announce", "http://127.0.0.1:81/reboot", /must have a path/],
    ["http://127.0.0.1/announce", "http://tracker.example.org/", undefined],
  ])("to a redirect from %s to %s is %s", (from, to, objection) => {
    const found = objectionTo(to, from)
    if (objection === undefined) expect(found).toBeUndefined()
    else expect(found).toMatch(objection)
  })

  it("is raised to what the user typed only where that redirects nearer", () => {
    expect(objectionTo("http://169.254.1.2/x?port=1", undefined, true)).toBeUndefined()
    expect(objectionTo("http://192.168.1.1/y", "http://nas.local/x", true)).toBeUndefined()
    expect(objectionTo("http://192.168.1.1/y", "http://tracker.example/x", true)).toMatch(/local network/)
  })
})

it.each([
  ["http://bt1.archiv\uff45.org/announce", true],
  ["http://bt1.archiv%EF%BD%85.org/announce", true],
  ["http://xn--e1afmkfd.example/announce", true],
  ["http://a.XN--e1afmkfd/announce", true],
  ["http://user\u00e4@tracker.example/announce", false],
  ["http://tracker.example/announce/\u00e4%20", false],
  ["//\u0430pple.example/announce", true],
  ["\\\\\u0430pple.example/announce", true],
  ["/announce/\u00e4", false],
])("%j may look like another: %s", (url, looksAlike) => {
  const { hostname } = new URL(url, "http://tracker.example")
  expect(Destination.isLookAlike(url, hostname)).toBe(looksAlike)
})
