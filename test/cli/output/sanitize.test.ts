import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sanitize } from '../../../src/cli/output/sanitize.ts'

const ESC = '\x1b'

describe('a sanitized line', () => {
  test.each([
    ['a plain line with ümlauts and 🙂', 'a plain line with ümlauts and 🙂'],
    ['tabs\tstay', 'tabs\tstay'],
    [`title ${ESC}]0;evil\x07set`, 'title set'],
    [`clipboard ${ESC}]52;c;ZXZpbA==${ESC}\\filled`, 'clipboard filled'],
    [`unfinished ${ESC}]52;c;ZXZpb`, 'unfinished '],
    ['\x9d0;eight bits\x9cwide', 'wide'],
    [`${ESC}Pdevice${ESC}\\control`, 'control'],
    [`${ESC}_program${ESC}\\command`, 'command'],
    [`${ESC}[2J${ESC}[1;1Hcleared`, 'cleared'],
    [`${ESC}[?25lhidden`, 'hidden'],
    ['\x9b2Jcleared', 'cleared'],
    [`${ESC}c reset`, ' reset'],
    [`${ESC}(0charset`, 'charset'],
    [`${ESC}`, ''],
    [`${ESC}[`, ''],
    ['over\rwritten', 'overwritten'],
    ['bell\x07, back\x08, nul\x00, del\x7f', 'bell, back, nul, del'],
  ])('H60: %j is shown as %j', (line, shown) => {
    expect(sanitize(line, false)).toBe(shown)
    expect(sanitize(line, true)).toBe(shown)
  })

  test('H60: keeps colours if wanted, and resets them at the end of the line', () => {
    const line = `${ESC}[1;32mgreen and bold`
    expect(sanitize(line, true)).toBe(`${line}${ESC}[0m`)
    expect(sanitize(line, false)).toBe('green and bold')
  })

  test('H60: does not take a private sequence that ends like a colour for one', () => {
    expect(sanitize(`${ESC}[>4;2mx`, true)).toBe('x')
    expect(sanitize(`${ESC}[?5 mx`, true)).toBe('x')
  })

  test('H60: contains no control characters, and sanitizing it again changes nothing', () => {
    const pieces = fc.constantFrom(
      ESC,
      '[',
      ']',
      ';',
      '0',
      'm',
      'P',
      '\\',
      '\x07',
      '\x9b',
      '\x9d',
      '\x9c',
      'a',
      '\t',
      '\u2028',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }), (parts) => {
        const shown = sanitize(parts.join(''), false)
        const codes = [...shown].map((letter) => letter.codePointAt(0) as number)
        expect(codes.some((code) => (code < 0x20 && code !== 9) || (code >= 0x7f && code <= 0x9f))).toBe(
          false,
        )
        expect(sanitize(shown, false)).toBe(shown)
      }),
      { numRuns: 2_000 },
    )
  })

  test('H60: contains no control characters besides colours', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(ESC, `${ESC}[`, '3', '1', 'm', ';'), fc.string()), {
          maxLength: 30,
        }),
        (parts) => {
          const shown = sanitize(parts.join(''), true).replaceAll(new RegExp(`${ESC}\\[[\\d;:]*m`, 'g'), '')
          expect(shown).not.toContain(ESC)
        },
      ),
      { numRuns: 2_000 },
    )
  })
})
