// Before anything is painted: the look that was chosen here, if one was.
{
  let chosen = null;
  try {
    chosen = localStorage.getItem("look");
  } catch {
    // storage may be forbidden: the system's look it is
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.look = chosen;
}
