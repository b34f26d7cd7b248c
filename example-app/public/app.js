import { ChannelsLink } from './channels.js'
import { Chat } from './chat.js'
import { listCodes } from './close-codes.js'
import { Echo } from './echo.js'
import { Link } from './link.js'
import { People } from './people.js'
import { Rooms } from './rooms.js'
import { Session } from './session.js'
import { Status } from './status.js'

const byId = id => document.getElementById(id)

// How long the page waits before it reconnects, ms: `?backoff-min=50&backoff-max=200` for the impatient.
const query = new URLSearchParams(document.location.search)
const backoff = { min: Number(query.get('backoff-min') ?? 1_000), max: Number(query.get('backoff-max') ?? 30_000) }

const session = new Session()
const links = {
  Chat: new Link('/ws/broadcast', session, backoff),
  Echo: new Link('/ws/echo', session, backoff),
  People: new Link('/ws/people', session, backoff),
  Rooms: new ChannelsLink('/ws/channels', session, backoff)
}
const status = new Status(links)
const chat = new Chat(links.Chat)
const echo = new Echo(links.Echo)
const people = new People()
const rooms = new Rooms(links.Rooms)
const everyLink = Object.values(links)

listCodes(byId('codes'))

links.People.addEventListener('message', ({ data }) => {
  const { people: present, you } = JSON.parse(data)
  people.show(present, you.id)
  // The server names a built-in route by its name and any other by its url.
  const { broadcast, echo, channels } = you.latency
  status.showLatencies({ '/ws/broadcast': broadcast, '/ws/echo': echo, '/ws/people': you.latency['/people'], '/ws/channels': channels })
})

// Without a connection the list is only what was known last.
links.People.addEventListener('state', () => byId('people').classList.toggle('stale', links.People.state.name !== 'connected'))

byId('sign-in-form').addEventListener('submit', event => {
  event.preventDefault()
  const { name, role } = Object.fromEntries(new FormData(event.target))
  signIn(name, role)
})

byId('sign-out').addEventListener('click', () => {
  for (const link of everyLink) link.close()
  session.signOut()
  people.clear()
  rooms.end()
  show('sign-in')
  byId('name').focus()
})

// The network is back: no need to wait for the next try.
window.addEventListener('online', () => { for (const link of everyLink) if (link.state.name === 'waiting') link.retry() })

const { remembered } = session
if (remembered === null) show('sign-in')
else await signIn(remembered.name, remembered.role)

async function signIn (name, role) {
  byId('sign-in-error').textContent = ''
  try {
    await session.signIn(name, role)
  } catch (error) {
    show('sign-in')
    byId('name').value = name
    byId('sign-in-error').textContent = error.message
    return
  }
  byId('my-name').textContent = session.me.name
  byId('my-role').textContent = session.me.role
  show('workspace')
  chat.begin(session.me)
  echo.begin()
  rooms.begin(session.me)
  for (const link of everyLink) link.open()
}

function show (main) {
  for (const id of ['sign-in', 'workspace']) byId(id).hidden = id !== main
  byId('session').hidden = main !== 'workspace'
}
