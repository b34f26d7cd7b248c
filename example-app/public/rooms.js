import { Members } from './members.js'
import { Room } from './room.js'
import { RoomLog } from './room-log.js'
import { Typing } from './typing.js'

const AWAY = 5_000 // ms

/** The panel of the rooms: which one, what to say there, and a connection that can be dropped to see that nothing gets lost. */
export class Rooms {
  #link
  #me = null
  #room = null
  #isSaying = false
  #last = null // what was said last: it may have arrived although its answer did not
  #choice = document.getElementById('room-choice')
  #input = document.getElementById('room-input')
  #error = document.getElementById('room-error')
  #note = document.getElementById('room-note')
  #views = {
    log: new RoomLog(),
    members: new Members(),
    typing: new Typing(),
    note: words => { this.#note.textContent = words },
    said: id => this.#said(id)
  }

  constructor (link) {
    this.#link = link
    this.#choice.addEventListener('change', () => this.#enter())
    this.#input.addEventListener('input', () => { if (this.#input.value.trim() !== '') this.#room.type() })
    document.getElementById('room-form').addEventListener('submit', event => {
      event.preventDefault()
      this.#say(this.#input.value.trim())
    })
    document.getElementById('drop').addEventListener('click', () => link.drop())
    document.getElementById('drop-away').addEventListener('click', () => link.drop(AWAY))
  }

  begin (me) {
    this.#me = me
    this.#input.value = ''
    this.#input.placeholder = me.role === 'listener' ? 'Listeners do not write: try it' : 'Message to the room'
    this.#enter()
  }

  end () {
    this.#room?.leave()
    this.#room = null
  }

  #enter () {
    this.end()
    this.#error.textContent = ''
    const name = this.#choice.querySelector(':checked').value
    this.#room = new Room(this.#link.client, name, this.#me, this.#views)
  }

  /** The field is emptied when the message is in the room, and not before: a connection may end at any time. */
  async #say (text) {
    if (text === '' || this.#isSaying) return
    if (this.#link.state.name !== 'connected') {
      this.#error.textContent = 'Not connected, so the message was not sent.'
      return
    }
    this.#isSaying = true
    this.#error.textContent = ''
    const { id } = this.#last = { id: Math.random().toString(36).slice(2), text }
    try {
      await this.#room.say({ id, text, at: Date.now() })
      this.#said(id)
    } catch (error) {
      this.#error.textContent = wordsFor(error)
    } finally {
      this.#isSaying = false
    }
  }

  #said (id) {
    if (this.#last?.id !== id) return
    if (this.#input.value.trim() === this.#last.text) this.#input.value = ''
    this.#error.textContent = ''
    this.#last = null
  }
}

function wordsFor ({ code, message }) {
  if (code === 103) return 'Listeners may read here and not write: the server said no. (103)'
  // Below 100 it is the client that tells.
  if (code < 100) return 'The connection ended before the server answered. If the message arrived, you will see it.'
  return `The server did not take the message: ${message}. (${code})`
}
