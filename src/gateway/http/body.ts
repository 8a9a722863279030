import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/** The body is longer than the route allows. */
export class TooLarge extends Error {}

/** The client went away before its body was complete. */
export class ClientGone extends Error {}

/**
 * The body of a request as the child is sent it: counted, and read only as fast as the child takes it. It stands between
 * the two because a client library destroys the body that it has sent, and with Node's own request the connection too.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage
  readonly #most: number
  #taken = 0
  #hasBegun = false

  constructor(request: IncomingMessage, most: number | null) {
    super({ highWaterMark: 64 * 1024 })
    this.#request = request
    this.#most = most ?? Number.POSITIVE_INFINITY
    this.on('error', () => {})
  }

  /** Whether anything of it was read: then it cannot be sent again. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  override _read(): void {
    if (this.#hasBegun) this.#request.resume()
    else this.#begin()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#request.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose)
    // What is left of it is nobody's any more. It is read all the same, so that the answer can be heard.
    if (this.#hasBegun) this.#request.resume()
    done(error)
  }

  #begin(): void {
    this.#hasBegun = true
    this.#request.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose)
    if (this.#request.destroyed && !this.#request.readableEnded) this.#onClose()
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#taken += chunk.length
    if (this.#taken > this.#most) this.destroy(new TooLarge())
    else if (!this.push(chunk)) this.#request.pause()
  }

  readonly #onEnd = (): void => void this.push(null)

  readonly #onClose = (): void => {
    if (!this.#request.readableEnded) this.destroy(new ClientGone())
  }
}
