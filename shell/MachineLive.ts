/** The machine that this program runs on, live; apart from `Live.ts`, because it needs neither sockets nor files. */
export { layer } from "./node/NodeMachine.ts"
