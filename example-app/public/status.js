/** From good to bad. The page as a whole is as well as its worst connection. */
const severity = ['connected', 'closed', 'connecting', 'waiting', 'refused', 'stopped']
const words = { connected: 'Connected', closed: 'Closed', connecting: 'Connecting…', waiting: 'Reconnecting', refused: 'Refused', stopped: 'Stopped' }

/** Shows how the connections are: each in the list, all together in the header, and in a banner when something is to be done. */
export class Status {
  #links
  #rows = new Map()
  #byId = id => document.getElementById(id)
  #ticker

  /** @param links by the name they have on the page */
  constructor (links) {
    this.#links = Object.values(links)
    for (const [name, link] of Object.entries(links)) {
      const row = makeRow(name, link.path)
      this.#rows.set(link, row)
      this.#byId('connections').append(row.item)
      link.addEventListener('state', () => this.show())
    }
    this.#byId('retry').addEventListener('click', () => { for (const link of this.#links) link.retry() })
  }

  /** @param latencies ms by path; null or missing while it is not known yet */
  showLatencies (latencies) {
    for (const [link, { latency }] of this.#rows) {
      const ms = latencies[link.path]
      latency.textContent = ms == null || link.state.name !== 'connected' ? '' : `${ms.toFixed(1)} ms`
    }
  }

  show () {
    for (const [link, row] of this.#rows) showRow(row, link)
    const worst = this.#links.toSorted((a, b) => severity.indexOf(b.state.name) - severity.indexOf(a.state.name))[0]
    const { name } = worst.state
    this.#byId('overall').dataset.state = name
    // Set only when it changes: a screen reader reads it out each time.
    const status = this.#byId('overall-text')
    if (status.textContent !== words[name]) status.textContent = words[name]
    this.#showBanner(name)
    this.#tick()
    clearInterval(this.#ticker)
    if (this.#links.some(link => link.state.name === 'waiting')) this.#ticker = setInterval(() => this.#tick(), 250)
  }

  /** The connections often end together, and then the reason is told once. */
  #whysOf (name) {
    const whys = new Map()
    for (const [{ state: { name: stateName, why } }, { title }] of this.#rows) {
      if (stateName !== name || why === null) continue
      const { titles, codes } = whys.get(why.words) ?? { titles: [], codes: new Set() }
      whys.set(why.words, { titles: [...titles, title.textContent], codes: why.code === undefined ? codes : codes.add(why.code) })
    }
    return [...whys].map(([words, { titles, codes }]) => {
      const who = titles.length === this.#links.length ? '' : `${titles.join(', ')}: `
      return `${who}${words}${codes.size === 0 ? '' : ` (${[...codes].join(', ')})`}`
    }).join(' ')
  }

  #showBanner (name) {
    const isWaiting = name === 'waiting'
    const before = this.#whysOf('connected')
    this.#byId('before').textContent = before && `Before that: ${before}`
    const banner = this.#byId('banner')
    const needsHelp = ['waiting', 'refused', 'stopped'].includes(name)
    this.#byId('banner-text').textContent = needsHelp ? this.#whysOf(name) : ''
    this.#byId('retry').textContent = isWaiting ? 'Reconnect now' : 'Try again'
    banner.dataset.state = name
    banner.hidden = !needsHelp
  }

  #tick () {
    for (const [{ state }, { text }] of this.#rows) text.textContent = words[state.name] + countdown(state)
    const waiting = this.#links.map(link => link.state).filter(({ name, retryAt }) => name === 'waiting' && retryAt !== undefined)
    const next = waiting.sort((a, b) => a.retryAt - b.retryAt)[0]
    const isShown = next !== undefined && this.#byId('overall').dataset.state === 'waiting'
    this.#byId('overall-countdown').textContent = isShown ? countdown(next) : ''
  }
}

function countdown ({ name, retryAt }) {
  return name === 'waiting' && retryAt !== undefined ? ` in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000))} s` : ''
}

function makeRow (name, path) {
  const [item, title, text, latency] = ['li', 'strong', 'span', 'span'].map(tag => document.createElement(tag))
  const dot = document.createElement('span')
  dot.className = 'dot'
  title.textContent = name
  title.title = path
  text.className = 'state'
  latency.className = 'latency'
  item.append(dot, title, text, latency)
  return { item, title, text, latency }
}

function showRow ({ item, latency }, { state }) {
  item.dataset.state = state.name
  if (state.name !== 'connected') latency.textContent = ''
}
