// The other side of host.mjs: does what it is asked, until nobody is left who asks.

/** Says `began`, and answers from then on. `close` is called at the end. */
export function answer(duties, { began = null, close = () => {} } = {}) {
  process.on('message', async ({ duty, given }) => {
    try {
      process.send({ result: (await duties[duty](...given)) ?? null })
    } catch (thrown) {
      process.send({ error: String(thrown?.message ?? thrown) })
    }
  })
  process.once('disconnect', async () => {
    await close()
    process.exit()
  })
  process.send({ result: began })
}
