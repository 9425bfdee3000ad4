/* Opens a plug-in privately, as Python does, and has it load a compiled library. */
#include <dlfcn.h>
#include <stdio.h>

int main(void) {
  void* plugin = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
  if (plugin == NULL) {
    printf("%s\n", dlerror());
    return 1;
  }
  int (*load)(const char*) = (int (*)(const char*))dlsym(plugin, "load_matmul");
  const int failed = load(LIBRARY);
  if (!failed) printf("host: ok\n");
  return failed;
}
