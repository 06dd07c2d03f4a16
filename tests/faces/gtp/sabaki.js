// Sabaki's own client of the Go Text Protocol (npm package @sabaki/gtp) plays against the engine
// whose command it is given.
const {Controller, ControllerStateTracker} = require(process.argv[2])

async function main() {
  const controller = new Controller(process.argv[3], process.argv.slice(4))
  const tracker = new ControllerStateTracker(controller)
  const ask = async (name, ...args) => {
    const {error, content} = await controller.sendCommand({name, args})
    return error ? `error: ${content}` : content
  }
  controller.start()
  const said = {name: await ask('name'), commands: (await ask('list_commands')).split('\n')}

  const play = (color, vertex) => ({name: 'play', args: [color, vertex]})
  const opening = [play('B', 'E5'), play('W', 'C3'), play('B', 'G7')]
  await tracker.sync({boardsize: [9, 9], komi: 6.5, history: opening})
  await tracker.sync({history: opening.slice(0, 2)}) // by undo
  said.board = await ask('showboard')
  said.occupied = await ask('play', 'B', 'E5')
  said.move = (await tracker.queueCommand({name: 'genmove', args: ['B']})).content
  said.history = tracker.state.history

  const lines = []
  let stopping = null
  await controller.sendCommand({name: 'lz-analyze', args: ['W', '5']}, ({line}) => {
    if (line.startsWith('info')) lines.push(line)
    // Any command ends the analysis.
    if (lines.length === 3 && stopping == null) stopping = ask('name')
  })
  said.lines = lines
  said.after = await stopping
  await controller.stop()
  console.log(JSON.stringify(said))
}

main()
