import { expect, test } from 'vitest'
import { nginx } from '../../src/nginx/index.ts'
import { get, newSpinner } from '../support/host.ts'
import { errorsOf, hello, included, newSite, optionsFor, readText } from './site.ts'

test('smoke', async () => {
  const site = await newSite()
  const spinner = newSpinner({ plugins: [nginx(optionsFor(site))] })
  const errors = errorsOf(spinner)
  console.time('start')
  await spinner.start(hello('a'))
  console.timeEnd('start')
  console.log(readText(included(site.folder)), errors)
  expect(await get(site.target)).toContain('hello')
  console.time('start')
  await spinner.start(hello('b', { listen: 'port' }))
  console.timeEnd('start')
  console.log(readText(included(site.folder)), errors)
  console.time('restart')
  await spinner.restart('b')
  console.timeEnd('restart')
  await spinner.restart('a')
  console.log(site.reloads())
  await spinner.close()
  console.log(readText(included(site.folder)), errors)
  console.log(site.errorLog())
})
