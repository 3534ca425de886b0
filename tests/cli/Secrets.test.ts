import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Secrets from "../../cli/Secrets.ts"

describe("hide", () => {
  it.each([
    [
      "http://bob:hunter2@t.example:80/announce/0123456789abcdef0123?passkey=secret&x=1: refused",
      "http://***@t.example:80/announce/***?passkey=***&x=***: refused",
    ],
    ["http://bob:p@ss@t.example/x", "http://***@t.example/x"],
    ["(GET https://t.example/a?k=v)", "(GET https://t.example/a?k=***)"],
    ["https://t.example/ubuntu-24.04-desktop-amd64.iso.torrent", undefined],
    ["udp://t.example:6969/announce.", undefined],
    ["magnet:?xt=urn:btih:aa&tr=http%3A%2F%2Fu%3Ap%40t%2Fann&dn=x", "magnet:?xt=urn:btih:aa&tr=***&dn=x"],
    ["magnet:?tr.1=http%3A%2F%2Ft%2Fkey", "magnet:?tr.1=***"],
    ["redis://:password@127.0.0.1:6379/0", "redis://***@127.0.0.1:6379/0"],
    ["http://[::1]:80/a?b=c", "http://[::1]:80/a?b=***"],
    ["no URL at all: a/b?c=d@e", undefined],
    ["http://", undefined],
  ])("%s", (text, hidden) => expect(Secrets.hide(text)).toBe(hidden ?? text))

  it("leaves nothing of a password, whatever stands around it", () => {
    fc.assert(fc.property(fc.string(), fc.string(), fc.webUrl(), (before, after, url) => {
      const secret = url.replace("://", "://user:s3cr3tpassword@")
      expect(Secrets.hide(`${before} ${secret} ${after}`)).not.toContain("s3cr3tpassword")
    }))
  })
})
