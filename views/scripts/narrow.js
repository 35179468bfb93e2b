// Shows, of a list of choices, those that hold what is typed. Without this script the button beside the field asks the server.
for (const field of document.querySelectorAll('input[data-narrows]')) {
  const choices = [...document.getElementById(field.dataset.narrows).children]
  const narrow = () => {
    const wanted = field.value.trim().toLocaleLowerCase()
    for (const choice of choices) choice.hidden = !choice.textContent.toLocaleLowerCase().includes(wanted)
  }
  field.addEventListener('input', narrow)
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') event.preventDefault()
  })
}
