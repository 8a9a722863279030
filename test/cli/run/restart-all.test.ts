import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { Command, newSite, pidOf } from '../../support/command.ts'
import { newFile } from '../../support/host.ts'
import { install } from '../../support/installed.ts'
import { read } from '../../support/pages.ts'

const spinner = new Command(install())
const SITE = `children:
  one: { command: sleep, args: [601], listen: null }
  two: { command: sleep, args: [602], listen: null }
pools:
  p: { size: 2, command: sleep, args: [603], listen: null }
`

describe('SIGUSR2', () => {
  test('restarts all children, one after another', async () => {
    const { folder } = newSite(SITE)
    const running = spinner.run(['run'], { folder })
    await running.until(/\* started/, 4)
    const before = running.output()
    running.kill('SIGUSR2')
    await running.until(/all children were restarted/)
    const names = ['one', 'two', 'p-0', 'p-1']
    for (const name of names) expect(pidOf(running.output(), name)).not.toBe(pidOf(before, name))
    const steps = [...running.output().matchAll(/^(\S+) +\* (restarting|restarted)\b/gm)].map(
      ([, name, step]) => `${name} ${step}`,
    )
    expect(steps.filter((step) => !step.startsWith('spinner'))).toEqual(
      names.flatMap((name) => [`${name} restarting`, `${name} restarted`]),
    )
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('during a restart causes one more restart, however often it arrives', async () => {
    const { folder } = newSite(SITE)
    const running = spinner.run(['run'], { folder })
    await running.until(/\* started/, 4)
    running.kill('SIGUSR2')
    await running.until(/one +\* restarting/)
    for (let count = 0; count < 5; count++) running.kill('SIGUSR2')
    await running.until(/all children were restarted/, 2)
    running.kill('SIGTERM')
    await running.ended
    expect(running.output().match(/restarting all children/g)).toHaveLength(2)
  })

  test('is interrupted by SIGTERM without errors', async () => {
    const script =
      'trap "exit 0" TERM; while test -e slow; do sleep 0.05; done; echo up; while :; do sleep 60 & wait; done'
    const { folder } = newSite(
      `pools:\n  p: { size: 2, command: sh, args: [-c, '${script}'], listen: null, ready: { output: up } }\n`,
    )
    const running = spinner.run(['run', '--json'], { folder })
    await running.until(/"started"/, 2)
    writeFileSync(path.join(folder, 'slow'), '')
    running.kill('SIGUSR2')
    await running.until(/"restarting"/)
    running.kill('SIGTERM')
    const { code, output } = await running.ended
    expect(code).toBe(0)
    expect(output).not.toContain('"event":"error"')
  })

  test('stops at the first child that does not come up, and the rest keeps running', async () => {
    const once = 'test -e ran && exit 1; touch ran; echo up; exec sleep 600'
    const { folder } = newSite(`children:
  a: { command: sh, args: [-c, '${once}'], listen: null, ready: { output: up }, attempts: 1 }
  b: { command: sleep, args: [602], listen: null }
`)
    const running = spinner.run(['run'], { folder })
    await running.until(/\* started/, 2)
    const before = pidOf(running.output(), 'b')
    running.kill('SIGUSR2')
    await running.until(/the restart stopped at 'a'; the remaining children were not restarted/)
    expect(pidOf(running.output(), 'b')).toBe(before)
    running.kill('SIGTERM')
    await running.ended
  })

  test('starts a child that found no free slot after all others', async () => {
    const one = '  one: { command: sleep, args: [601], listen: null }\n'
    const two = '  two: { command: sleep, args: [602], listen: null }\n'
    const late = '  late: { command: sleep, args: [603], listen: null, timeout: 1s, faultTimeout: 600s }\n'
    const { change, folder } = newSite(`maxRunning: 2\nchildren:\n${one}${two}`)
    const running = spinner.run(['run'], { folder })
    await running.until(/\* started/, 2)
    // The larger limit is not in force before the next start of the command.
    change(`maxRunning: 3\nchildren:\n${late}${one}${two}`)
    running.kill('SIGHUP')
    await running.until(/late +\* stopped: 'late' found no free slot/)
    running.kill('SIGUSR2')
    await running.until(/two +\* restarted/)
    await running.until(/the restart stopped at 'late'/)
    change(`maxRunning: 2\nchildren:\n${late}${one}`)
    running.kill('SIGHUP')
    await running.until(/two +\* stopped/)
    running.kill('SIGUSR2')
    await running.until(/late +\* started/)
    await running.until(/all children were restarted/)
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test.each([0, 1, 5, 20, 50])(
    'H26: %d ms after the handler is installed takes effect when all children are up',
    async (delay) => {
      const { folder } = newSite(SITE)
      // Send the signal when the handler is installed, because no other code of the command has run by then.
      const preload = newFile(
        'early.cjs',
        `const { on } = process
       process.on = function (event, ...rest) {
         const result = on.call(this, event, ...rest)
         const send = () => process.kill(process.pid, 'SIGUSR2')
         if (event === 'SIGUSR2') ${delay} === 0 ? send() : setTimeout(send, ${delay})
         return result
       }`,
      )
      const running = spinner.run(['run'], { folder, nodeArgs: ['--require', preload] })
      await running.until(/all children were restarted/)
      const lines = running.output().split('\n')
      const last = lines.findLastIndex((line) => / \* started/.test(line))
      expect(lines.findIndex((line) => line.includes('restarting all children'))).toBeGreaterThan(last)
      running.kill('SIGTERM')
      expect(await running.ended).toMatchObject({ code: 0 })
    },
  )

  test('H26: is listened to before anything is imported', () => {
    const source = read('src/cli/index.ts')
    expect(source).not.toMatch(/^import /m)
    expect(source.indexOf('await import(')).toBeGreaterThan(source.indexOf('process.on(signal'))
  })
})
