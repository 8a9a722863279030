// The app. Its server sends the same empty page for every path; this script creates the content.

function primes(count) {
  const found = []
  for (let number = 2; found.length < count; number++)
    if (found.every((prime) => number % prime !== 0)) found.push(number)
  return found
}

/** Opens a window that stays open and holds 100 MB, but only in a browser that a program controls. */
function leak() {
  if (navigator.webdriver) open('').kept = new Uint8Array(100 * 2 ** 20).fill(1)
  return 'The browser that made this page holds 100 MB more.'
}

const pages = {
  '/': () => `The thousandth prime is ${primes(1_000).at(-1)}.`,
  '/browser': () => `This was written in ${navigator.userAgent}.`,
  '/leak': leak,
}

function line(text, href) {
  const element = Object.assign(document.createElement(href ? 'a' : 'p'), { textContent: text })
  return href ? Object.assign(element, { href }) : element
}

const page = pages[location.pathname]
const links = Object.keys(pages).flatMap((path) => [line(path, path), ' '])
document.body.replaceChildren(line(page ? page() : 'There is no such page.'), ...links)
// Tell the renderer that the page is complete, and which status its response has.
document.documentElement.dataset.status = page ? 200 : 404
