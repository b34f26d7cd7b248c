import { isAtEnd, messageItem } from './message-item.js'

const MOST = 200 // lines the log keeps

/** What has been said in a room, each message once and in the order of the channel, and who came and went meanwhile. */
export class RoomLog {
  /** Messages that were added since it was cleared. */
  count = 0
  #log = document.getElementById('room-log')
  #lines = document.getElementById('room-lines')
  #empty = document.getElementById('room-empty')
  #offsets = new Set()
  #follows = true

  constructor () {
    this.#log.addEventListener('scroll', () => { this.#follows = isAtEnd(this.#log) })
    // A line below it takes of its height.
    new window.ResizeObserver(() => { if (this.#follows) this.#toEnd() }).observe(this.#log)
  }

  clear () {
    this.count = 0
    this.#lines.replaceChildren()
    this.#offsets.clear()
    this.#empty.hidden = false
  }

  /** Puts what was said before above what has been heard since. */
  begin (messages) {
    const older = messages.filter(({ offset }) => !this.#offsets.has(offset))
    this.#lines.prepend(...older.map(message => this.#itemOf(message)))
    this.#empty.hidden = this.#lines.childElementCount > 0
    this.#toEnd()
  }

  add (message) {
    if (this.#offsets.has(message.offset)) return
    this.count++
    this.#append(this.#itemOf(message), message.isOwn)
  }

  /** Somebody joined or left. */
  note (name, what) {
    const [item, who] = ['li', 'bdi'].map(tag => document.createElement(tag))
    item.className = 'event'
    who.textContent = name
    item.append(who, ` ${what}`)
    this.#append(item, false)
  }

  #itemOf (message) {
    this.#offsets.add(message.offset)
    return messageItem(message)
  }

  #append (item, isOwn) {
    const follows = isOwn || isAtEnd(this.#log)
    this.#lines.append(item)
    while (this.#lines.childElementCount > MOST) this.#lines.firstElementChild.remove()
    this.#empty.hidden = true
    if (follows) this.#toEnd()
  }

  #toEnd () {
    this.#log.scrollTop = this.#log.scrollHeight
  }
}
