import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Url from "../../../core/tracker/Url.ts"

describe("the URL of a UDP tracker", () => {
  it.each([
    ["udp://tracker.example:6969", "tracker.example", 6_969, ""],
    ["udp://tracker.example:6969/", "tracker.example", 6_969, ""],
    ["UDP://tracker.example:6969/announce", "tracker.example", 6_969, "/announce"],
    [" udp://192.0.2.1:80/a/b?c=d&e#f ", "192.0.2.1", 80, "/a/b?c=d&e"],
    ["udp://192.0.2.1:80?key=1", "192.0.2.1", 80, "/?key=1"],
    ["udp://me:secret@tracker.example:1/p", "tracker.example", 1, "/p"],
    ["udp://tracker.example:65535/ä b", "tracker.example", 65_535, "/%C3%A4%20b"],
    ["udp://[2001:DB8:0:0::0001]:7/x", "2001:db8::1", 7, "/x"],
    ["udp://[::ffff:192.0.2.1]:7", "192.0.2.1", 7, ""],
  ])("%s", (url, host, port, urlData) => {
    expect(Url.udpTracker(url)).toEqual({
      ok: true,
      value: { address: { host, port }, urlData: Bytes.latin1(urlData) },
    })
  })

  it.each([
    ["tracker.example:6969", "this is not a URL"],
    ["udp:///announce", "this is not a URL"],
    ["udp://tracker.example/announce", "the URL of a UDP tracker needs a host and a port"],
    ["udp://tracker.example:0", "the URL of a UDP tracker needs a host and a port"],
    ["udp://tracker.example:65536", "the URL of a UDP tracker needs a host and a port"],
    ["udp://tracker.example:80x", "the URL of a UDP tracker needs a host and a port"],
    ["udp://:80", "the URL of a UDP tracker needs a host and a port"],
    ["http://tracker.example:80", "HTTP is not UDP"],
    [
      `udp://tracker.example:80/${"a".repeat(Url.MAX_URL_DATA_BYTES)}`,
      "its path is too long for a UDP packet",
    ],
  ])("%s is refused for good", (url, message) => {
    expect(Url.udpTracker(url)).toEqual({
      ok: false,
      error: { reason: "BadUrl", message, retryInMs: "never" },
    })
  })

  it.prop(
    "is ASCII and of limited length, whatever the URL",
    [fc.string({ unit: "binary", maxLength: 500 })],
    ([text]) => {
      const tracker = Url.udpTracker(`udp://192.0.2.1:80/${text}`)
      if (!tracker.ok) return
      const { urlData } = tracker.value
      expect(urlData.length).toBeLessThanOrEqual(Url.MAX_URL_DATA_BYTES)
      expect(urlData.every((byte) => byte > 0x20 && byte < 0x7f)).toBe(true)
    },
  )

  it("hides its passkey where it is shown", () => {
    expect(Url.redact("udp://me@tracker.example:6969/0123456789abcdef/announce?key=1")).toBe(
      "udp://tracker.example:6969/***/announce?key=***",
    )
  })
})

describe("redacting", () => {
  it.each([
    ["http://tracker.example:6969/announce", "http://tracker.example:6969/announce"],
    ["udp://tracker.example:1337/announce.php", "udp://tracker.example:1337/announce.php"],
    ["https://user:pass@a/announce", "https://a/announce"],
    ["https://a/0123456789abcdef0123456789abcdef/announce", "https://a/***/announce"],
    ["https://a/announce?passkey=abc&b", "https://a/announce?passkey=***&***"],
    ["https://a/a#secret", "https://a/a"],
    ["not a URL with a secret", "***"],
  ])("%s becomes %s", (url, safe) => expect(Url.redact(url)).toBe(safe))

  it("leaves nothing that moves a terminal's cursor", () => {
    expect(Url.redact("http://a/\x1b[2J\u202e")).toBe("http://a/ [2J")
  })
})
