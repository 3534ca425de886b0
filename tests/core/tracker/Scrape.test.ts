import { describe, expect, it } from "@effect/vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Scrape from "../../../core/tracker/Scrape.ts"

const HASH = Bytes.latin1("xxxxxxxxxxxxxxxxxxxx")
const OTHER = Bytes.fromHex("00ff25262b2f3d3f20c3a47fc02d5f7e2e0a0d80")!
const OTHER_ESCAPED = "%00%FF%25%26%2B%2F%3D%3F%20%C3%A4%7F%C0-_~.%0A%0D%80"

describe("the scrape URL", () => {
  // The first seven are those of the convention itself (BEP 48).
  it.each([
    ["http://example.com/announce", "http://example.com/scrape"],
    ["http://example.com/x/announce", "http://example.com/x/scrape"],
    ["http://example.com/announce.php", "http://example.com/scrape.php"],
    ["http://example.com/a", undefined],
    ["http://example.com/announce?x2%0644", "http://example.com/scrape?x2%0644"],
    ["http://example.com/announce?x=2/4", undefined],
    ["http://example.com/x%064announce", undefined],
    ["https://me:pw@example.com:81/announce?passkey=k#f", "https://me:pw@example.com:81/scrape?passkey=k"],
    ["http://example.com/announce/passkey", undefined],
    ["http://example.com/xannounce", undefined],
    ["http://announce", undefined],
  ])("of %s", (url, scrape) => {
    const result = Scrape.scrapeUrl(url, [HASH])
    if (scrape === undefined) {
      expect(result).toMatchObject({ ok: false, error: { reason: "NoScrape", retryInMs: "never" } })
    } else {
      const separator = scrape.includes("?") ? "&" : "?"
      expect(result).toEqual({ ok: true, value: `${scrape}${separator}info_hash=xxxxxxxxxxxxxxxxxxxx` })
    }
  })

  it("names each torrent, any byte escaped", () => {
    expect(Scrape.scrapeUrl("http://example.com/announce", [HASH, OTHER])).toEqual({
      ok: true,
      value: `http://example.com/scrape?info_hash=xxxxxxxxxxxxxxxxxxxx&info_hash=${OTHER_ESCAPED}`,
    })
  })

  it.each(["udp://example.com:80/announce", "example.com/announce"])("is not made of %s", (url) => {
    expect(Scrape.scrapeUrl(url, [HASH])).toMatchObject({ ok: false, error: { reason: "BadUrl" } })
  })
})

describe("the scrape response", () => {
  const decode = (body: string, ...hashes: ReadonlyArray<Bytes.Bytes>) =>
    Scrape.decodeScrape(Bytes.latin1(body), hashes)
  const xs = "d8:completei11e10:downloadedi13772e10:incompletei19ee"
  const ys = "d8:completei21e10:downloadedi206e10:incompletei20ee"
  const body = `d5:filesd20:xxxxxxxxxxxxxxxxxxxx${xs}20:yyyyyyyyyyyyyyyyyyyy${ys}ee`

  it("is given in the order asked for, with nothing for what is not in it", () => {
    expect(decode(body, Bytes.latin1("yyyyyyyyyyyyyyyyyyyy"), OTHER, HASH)).toEqual({
      ok: true,
      value: [
        { seeders: 21, leechers: 20, downloads: 206 },
        undefined,
        { seeders: 11, leechers: 19, downloads: 13_772 },
      ],
    })
  })

  it("finds info-hashes that are no text", () => {
    const bytes = Bytes.concat([Bytes.latin1("d5:filesd20:"), OTHER, Bytes.latin1("d8:completei1eeee")])
    expect(Scrape.decodeScrape(bytes, [OTHER])).toEqual({
      ok: true,
      value: [{ seeders: 1, leechers: 0, downloads: 0 }],
    })
  })

  it("counts what makes no sense as nothing", () => {
    const strange = "d8:completei-1e10:downloaded1:a10:incompletei99999999999999999999ee"
    expect(decode(`d5:filesd20:xxxxxxxxxxxxxxxxxxxx${strange}ee`, HASH)).toEqual({
      ok: true,
      value: [{ seeders: 0, leechers: 0, downloads: 0 }],
    })
    expect(decode("d5:filesd20:xxxxxxxxxxxxxxxxxxxxi1eee", HASH)).toEqual({ ok: true, value: [undefined] })
  })

  it.each([
    ["d14:failure reason2:no8:retry ini5ee", "Refused", "no"],
    ["d14:failure reason0:e", "Refused", "the tracker refused without a reason"],
    ["", "BadReply", "the reply is no scrape response: it is empty"],
    ["le", "BadReply", "the reply is no scrape response: not a dictionary"],
    ["de", "BadReply", "the reply is no scrape response: it has no files"],
    ["d5:filesi1ee", "BadReply", "the reply is no scrape response: it has no files"],
    ["<html>", "BadReply", "the reply is no scrape response: it is a web page; is this a tracker's URL?"],
  ])("%s fails", (text, reason, message) => {
    expect(decode(text, HASH)).toMatchObject({ ok: false, error: { reason, message } })
  })

  it("takes every beginning of a real one without a throw", () => {
    for (let length = 0; length < body.length; length++) {
      expect(decode(body.slice(0, length), HASH).ok).toBe(false)
    }
  })
})
