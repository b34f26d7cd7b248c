/** The list of who is here. Rows stay where they are while a latency changes, so that nothing jumps. */
export class People {
  #list = document.getElementById('people')

  /** @param people [{ id, name, role, latency }] */
  show (people, ownId) {
    const rows = people.toSorted((a, b) => a.name.localeCompare(b.name)).map(person => rowOf(person, person.id === ownId))
    this.#list.replaceChildren(...rows)
  }

  clear () {
    this.#list.replaceChildren()
  }
}

function rowOf ({ name, role, latency }, isMe) {
  const item = document.createElement('li')
  const [avatar, who, tag, time] = ['span', 'bdi', 'span', 'span'].map(tag => document.createElement(tag))
  avatar.className = 'avatar'
  avatar.ariaHidden = 'true'
  avatar.textContent = [...name][0].toUpperCase()
  who.textContent = isMe ? `${name} (you)` : name
  tag.className = 'tag'
  tag.textContent = role
  time.className = 'latency'
  time.textContent = latency === null ? '' : `${latency.toFixed(1)} ms`
  item.append(avatar, who, tag, time)
  return item
}
