/**
 * Who is in a room: a connection each, a person once. There are no passwords, so whoever has the same name is the same person, in
 * another tab.
 */
export class Members {
  #names = new Map() // by connection
  #me = ''
  #list = document.getElementById('room-members')

  /** @param entries [[connection, name]] */
  reset (entries) {
    this.#names = new Map(entries)
    this.#show()
  }

  /** Says whether the list is up to date, and who of them is oneself. */
  mark (isCurrent, me = this.#me) {
    this.#me = me
    this.#list.classList.toggle('stale', !isCurrent)
    this.#show()
  }

  /** @returns whether the person was not here before */
  add (client, name) {
    const isNew = !this.#has(name)
    this.#names.set(client, name)
    this.#show()
    return isNew
  }

  /** @returns whether the person is not here any more */
  remove (client) {
    const name = this.#names.get(client)
    this.#names.delete(client)
    this.#show()
    return name !== undefined && !this.#has(name)
  }

  #has (name) {
    return [...this.#names.values()].includes(name)
  }

  #show () {
    const tabs = new Map()
    for (const name of this.#names.values()) tabs.set(name, (tabs.get(name) ?? 0) + 1)
    const people = [...tabs].sort(([a], [b]) => a.localeCompare(b))
    this.#list.replaceChildren(...people.map(([name, count]) => itemOf(name, [...name === this.#me ? ['you'] : [], ...count > 1 ? [`${count} tabs`] : []])))
  }
}

function itemOf (name, remarks) {
  const [item, who] = ['li', 'bdi'].map(tag => document.createElement(tag))
  who.textContent = name
  item.append(who)
  if (remarks.length > 0) {
    const more = document.createElement('small')
    more.textContent = remarks.join(', ')
    item.append(' ', more)
  }
  return item
}
