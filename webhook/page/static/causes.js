// Why a container does not start; `…` is code. Generated from patches/model/starting.py/ by `make tables`: change it there.

export const CAUSES = {
  "user-breaks-non-root": {
    "means": "The pod says `runAsNonRoot: true` and names root: `runAsUser: 0`, or on Windows `ContainerAdministrator`, which may come from the image. The kubelet says \"container's runAsUser breaks non-root policy\", on Windows \"container's runAsUserName (…) which will be regarded as root identity and will break non-root policy\".",
    "advice": "Name another user, or say `runAsNonRoot: false` where the profile allows root."
  },
  "image-breaks-non-root": {
    "means": "The pod says `runAsNonRoot: true` and no user, and the image runs as root. The kubelet says \"container has runAsNonRoot and image will run as root\".",
    "advice": "Set `runAsUser` to a user that the image supports, or use an image with a numeric USER."
  },
  "image-user-not-numeric": {
    "means": "The pod says `runAsNonRoot: true` and no user, and USER of the image is a name. The kubelet says \"container has runAsNonRoot and image has non-numeric user (…), cannot verify user is non-root\".",
    "advice": "Set `runAsUser` to the number of that user, or use an image with a numeric USER."
  },
  "file-capabilities": {
    "means": "The program of the image carries file capabilities that the container drops, so the kernel does not start it: `exec …: operation not permitted`.",
    "advice": "Use an image without file capabilities. Of the capabilities, only `NET_BIND_SERVICE` may be added."
  },
  "image-not-known": {
    "means": "The pod says `runAsNonRoot: true` and no user, so USER of the image decides, and it is not known. Or the image is a placeholder, which another webhook replaces.",
    "advice": "Set `runAsUser`, or have the image described."
  }
};
